"""The raw evidence: pytest-html's own page of every test with its output, beside our reports.

Why this exists: our pages say what follows from the results; whoever doubts them wants to see what the tests printed.
The page is started late, when there is a folder for it, because most sessions have no checks at all.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import pytest
from pytest_html import plugin  # type: ignore[import-untyped]


def start(session: pytest.Session, path: Path) -> None:
    """Have pytest-html write ``path`` for this session, unless it was already asked for a page or switched off."""
    config = session.config
    if not config.pluginmanager.is_registered(plugin) or config.getoption("htmlpath"):
        return
    config.option.htmlpath, config.option.self_contained_html = str(path), True
    known = set(config.pluginmanager.get_plugins())
    plugin.pytest_configure(config)
    (page,) = set(config.pluginmanager.get_plugins()) - known
    page.pytest_sessionstart(session)
    page.pytest_collection_finish(session)
    config.pluginmanager.register(Escaped(), "seatrial-raw-html")


class Escaped:
    """pytest-html writes a test's name as it is; parameters can come from a stack nobody here wrote."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: Any, cells: list[str]) -> None:
        """Escape the name."""
        name = report.nodeid if report.when == "call" else f"{report.nodeid}::{report.when}"
        cells[1] = f'<td class="col-testId">{escape(name)}</td>'
