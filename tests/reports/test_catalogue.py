"""The catalogue and the page of checks are those of the checks themselves, and a damaged one is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reports.catalogue import as_tsv, shipped
from reports.docs import page
from stack.errors import UserError
from suites.entry import Area
from tests.reports.sample import entry

_ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_catalogue_and_page_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "reports", "docs", "--check"], cwd=_ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    checks = [entry("RST-A-002", area=Area.RESTORE), entry("SEC-B-001"), entry("SEC-A-001")]
    path = tmp_path / "catalogue.tsv"
    path.write_text(as_tsv(checks))

    read = shipped(path)

    assert [one.id for one in read] == ["SEC-A-001", "SEC-B-001", "RST-A-002"]
    assert [(one.title, one.severity, one.level, one.impact) for one in read] == [
        (one.title, one.severity, one.level, one.impact)
        for one in sorted(checks, key=lambda one: (one.id[0] == "R", one.id))
    ]


@pytest.mark.parametrize(
    "text", ["id\tarea\nSEC-A-001\tsecurity\n", "id\tarea\tseverity\tlevel\timpact\ttitle\nX\tmoon\tlow\tx\ty\tz\n"]
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalogue.tsv"
    path.write_text(text)

    with pytest.raises(UserError, match="not a catalogue"):
        shipped(path)


def test_a_missing_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="make docs"):
        shipped(tmp_path / "none.tsv")


def test_the_page_tells_everything_about_a_check() -> None:
    text = page({"SEC-A-001": (entry("SEC-A-001"), "suites/security/test_a.py::test_it")})

    for wanted in (
        "## Security (1)",
        "### SEC-A-001",
        "The sentence of SEC-A-001 is true",
        "It matters.",
        "Mend it.",
        "CIS-Docker 4.1",
        "suites/security/test_a.py::test_it",
    ):
        assert wanted in text
