"""Trawl: find and follow anything you can name, across a corpus of videos."""

__version__ = "0.1.0"
