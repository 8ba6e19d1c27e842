"""The project that the plugin's tests run pytest in."""

from __future__ import annotations

import pytest

from tests.reports.checklists import CONFTEST, ROOT


@pytest.fixture
def checklist(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with our plugins and no stack; ``test_it.py`` is still to be written."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # only what these tests are about: each run is a process
    monkeypatch.setenv(
        "PYTEST_PLUGINS", "pytest_timeout,pytest_html.plugin,pytest_html.fixtures,pytest_metadata.plugin"
    )
    monkeypatch.setenv("COLUMNS", "160")
    pytester.makeconftest(CONFTEST)
    pytester.makeini("[pytest]\ntimeout_method = signal\naddopts =\n")
    return pytester
