"""Finding the videos that answer a text.

`texts.py` what is asked; `filters.py` what a person may write in `search.where`; `nearest.py` the
search itself.
"""
