"""Why: "supported" is a date in a table, so the table itself and the way a version finds its row are tried."""

from __future__ import annotations

import datetime

import pytest

from suites.security.rules import support


@pytest.mark.parametrize(
    ("name", "version", "until"),
    [
        ("postgres", "17.2", datetime.date(2029, 11, 8)),
        ("postgres", "13", datetime.date(2025, 11, 13)),
        ("python", "3.10.4", datetime.date(2026, 10, 31)),
        ("promtail", "3.7", datetime.date(2026, 3, 2)),
        ("nginx", "1.26", datetime.date(2028, 8, 9)),
        ("seatrial", "monero-exporter", None),
    ],
)
def test_a_version_finds_its_row(name: str, version: str, until: datetime.date | None) -> None:
    row = support.find(name, version)

    assert row is not None
    assert row.until == until


@pytest.mark.parametrize(
    ("name", "version"), [("postgres", ""), ("postgres", "1"), ("python", "3.1"), ("unheard-of", "1")]
)
def test_what_the_table_does_not_know_has_no_row(name: str, version: str) -> None:
    assert support.find(name, version) is None


@pytest.mark.parametrize(
    ("name", "tag", "found"),
    [
        ("registry.example/library/postgres", "17-alpine", ("postgres", "17")),
        ("node", "v20.1.0-slim", ("node", "20.1.0")),
        ("nginx", "latest", ("nginx", "")),
    ],
)
def test_an_image_tells_name_and_version(name: str, tag: str, found: tuple[str, str]) -> None:
    assert support.component_of_image(name, tag) == found


def test_support_ends_after_its_last_day() -> None:
    row = support.Support("a", "1", datetime.date(2026, 3, 2), "somebody")

    assert not row.ended(datetime.date(2026, 3, 2))
    assert row.ended(datetime.date(2026, 3, 3))
    assert not support.Support("a", "1", None, "somebody").ended(datetime.date(2126, 1, 1))


def test_every_row_has_a_source_and_the_table_a_date() -> None:
    assert all(row.source for row in support.table())
    assert isinstance(support.as_of(), datetime.date)
