"""Wiring only: which plugins make pytest the runner of the sea trials."""

from __future__ import annotations

from suites.interruption import install

install()  # before the plugins load: that takes a moment, in which somebody may change their mind

pytest_plugins = ("suites.interruption", "suites.session", "suites.hosts", "suites.collection", "suites.ahead", "reports.plugin", "chaos.plugin", "chaos.machines.plugin")
