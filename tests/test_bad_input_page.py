"""docs/bad-input.md names, for each bad input that was promised, the test that proves it: a name that is gone is found here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "bad-input.md"
_ROW = re.compile(r"^\| (?P<input>[^|]+) \| (?P<seen>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(?P<file>tests/[\w/]+\.py)::(?P<name>\w+)`")


def rows() -> list[tuple[str, list[tuple[str, str]]]]:
    """Each bad input with its tests, the heading left out."""
    found = [(m["input"].strip(), _TEST.findall(m["tests"])) for m in _ROW.finditer(PAGE.read_text(encoding="utf-8"))]
    return [row for row in found if row[0] != "What goes wrong" and not set(row[0]) <= set("- ")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_test_that_is_named_exists(row: tuple[str, list[tuple[str, str]]]) -> None:
    assert row[1], "no test is named"
    for file, name in row[1]:
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file} has no {name}"


@pytest.mark.parametrize(
    "said",
    [
        "not root", "stops half-way", "port is taken", "compose file is missing", "malformed", "not set", "unknown service",
        "unknown key", "wrong type", "nearly full", "bring-up", "while a fault", "rendering", "read-only", "another version",
        "malformed JSON", "wrong types", "oversize body", "negative and overflowing", "unknown id", "with the same body",
        "with a different body", "someone else's order", "release before funding", "double release", "too small", "too large",
        "twice", "an error or garbage", "answers nothing", "reorganised chain", "full disk", "wrong key", "Schemathesis",
        "cycle in extends or include", "env file", "undefined network", "plain HTTP on 443", "hangs in the handshake",
        "never starts", "refuses exec",
    ],
)  # fmt: skip
def test_everything_that_was_asked_for_has_a_row(said: str) -> None:
    assert any(said in row[0] for row in rows()), said
