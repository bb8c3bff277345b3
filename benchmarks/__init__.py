"""One file per stage, each a table of ratios inside one run.

`python -m benchmarks` runs all and rewrites docs/benchmarks.md.
"""
