"""A run's tracks in the formats of other tools; see docs/exports.md.

`filters.py` which rows, `split.py` which part, `stretch.py` what a format is handed, `overlaps.py`
one object a pixel where a format allows no more; then one file per format, each with
`write(stretches, categories, put)`.
"""
