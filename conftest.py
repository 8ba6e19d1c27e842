"""Wiring only: which plugins make pytest the runner of the sea trials."""

from __future__ import annotations

pytest_plugins = ("suites.session", "suites.collection", "reports.plugin", "chaos.plugin")
