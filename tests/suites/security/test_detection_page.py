"""Why: docs/detection.md promises which check catches what; a defect added or renamed must not leave it behind."""

from __future__ import annotations

import re

from tests.sabotage.security import ledger


def without_seconds(text: str) -> list[str]:
    """The page's lines, with the measured last column of each row taken away."""
    return [re.sub(r"\| [0-9.]* *\|$", "|", line) for line in text.splitlines()]


def test_the_page_is_current() -> None:
    assert without_seconds(ledger.PAGE.read_text()) == without_seconds(ledger.page({})), "run `make sabotage`"


def test_every_defect_was_caught_when_the_page_was_written() -> None:
    rows = [line for line in ledger.PAGE.read_text().splitlines() if re.match(r"\| (?!defect).* SEC-", line)]

    assert len(rows) == len(list(ledger.rows())) >= 80
    assert all(re.search(r"\| [0-9]+\.[0-9]{2} \|$", row) for row in rows)


def test_every_check_of_the_catalogue_that_a_stack_or_a_host_can_break_is_on_it() -> None:
    seeded = {row.check for row in ledger.rows()}
    # Seeded in drills and tests of their own: the firewall's host, the rotation, the market's users; and what this
    # machine has nothing to confine with.
    elsewhere = {
        "SEC-NET-004", "SEC-SEC-006", "SEC-AUTH-005", "SEC-AUTH-006", "SEC-AUTH-007", "SEC-AUTH-008", "SEC-AUTH-009",
        "SEC-IMG-002", "SEC-RUN-009",
    }  # fmt: skip

    ids = {
        id_
        for id_ in ledger.catalogue_levels()
        if id_.startswith("SEC-") and not id_.startswith(("SEC-LINT", "SEC-GIXY", "SEC-SSLYZE"))
    }
    assert ids - seeded - elsewhere == set()
