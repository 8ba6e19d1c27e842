"""OPS-DOC-003 passes on the guide as it is, and fails on one that tells too much, too little, or what can't be typed."""

from __future__ import annotations

import re

from stack.project import ROOT
from suites.operations.test_recovery_guide import differing
from suites.restore.guide import RUN_HERE, written


def test_the_guide_as_it_is_passes() -> None:
    assert differing(written()) == []


def test_a_command_that_is_never_run_fails() -> None:
    assert differing([*written(), ("prune-backups",)]) == ["prune-backups is written there, and the suite does not run it"]


def test_a_command_that_is_run_and_not_written_fails() -> None:
    less = [words for words in written() if words[0] != "rescue-system"]

    assert differing(less) == ["rescue-system is run by the suite, and not written there"]


def test_a_command_that_can_not_be_typed_fails() -> None:
    wrong = [words if words[0] != "rescue-wallets" else ("rescue-wallets", "--walet", "buyer") for words in written()]

    assert "unrecognized arguments: --walet" in differing(wrong)[0]


def test_what_is_said_to_be_run_is_what_the_suite_takes_from_the_guide() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "suites" / "restore").glob("*.py"))

    assert set(re.findall(r"""(?:typed|command)\("([a-z-]+)\"""", sources)) == RUN_HERE
