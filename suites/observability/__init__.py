"""Observability: metrics are there and true, and no log line is lost."""
