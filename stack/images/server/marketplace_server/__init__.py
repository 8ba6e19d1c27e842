"""The marketplace: the program under trial, because a checklist needs something real whose loss can be seen."""

__version__ = "0.1.0"
