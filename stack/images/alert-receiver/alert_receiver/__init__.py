"""Where alerts end up: a webhook sink, because an alert that nobody can show to have arrived has not arrived."""

__version__ = "0.1.0"
