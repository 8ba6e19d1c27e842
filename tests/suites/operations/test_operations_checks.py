"""Every check of the operations area is seen to pass, and to fail on tools that are blind, rude or dangerous."""

from __future__ import annotations

from typing import Any

import pytest

from stack.completed import Completed
from stack.ops.command import Command
from suites.check import Evidence
from suites.operations import test_commands, test_validation
from suites.operations.test_validation import Said


def said(source: str, *ids: str) -> Said:
    """What a source says."""
    return Said(source, frozenset(ids))


def test_tools_that_agree_pass() -> None:
    test_validation.require_agreement(said("validate", "SEC-CMP-001"), said("suites", "SEC-CMP-001"), Evidence(), "x")


@pytest.mark.parametrize("ids", [(), ("SEC-CMP-001", "SEC-CMP-002")])
def test_a_validation_that_is_blind_or_noisy_fails(ids: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="expected the same as suites: SEC-CMP-001"):
        test_validation.require_agreement(said("validate", *ids), said("suites", "SEC-CMP-001"), Evidence(), "x")


def health(monkeypatch: pytest.MonkeyPatch, *, code: int, services: dict[str, str], seen: set[str]) -> None:
    """Let docker-health-check answer so, while the engine sees `seen` unhealthy."""
    facts: dict[str, Any] = {
        "services": services,
        "healthy": sum(state == "healthy" for state in services.values()),
        "of": len(services),
    }
    monkeypatch.setattr(test_validation, "answer_of", lambda words: (code, facts))
    monkeypatch.setattr(test_validation, "unhealthy", lambda stack: seen)
    monkeypatch.setattr(test_validation, "health_words", lambda stack: [])


def require(broken: str | None) -> None:
    """Judge the health check."""
    test_validation.require_health(None, Evidence(), broken=broken)  # type: ignore[arg-type]


def test_a_health_check_that_sees_what_is_broken_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=1, services={"a": "healthy", "b": "exited"}, seen={"b"})

    require("b")


def test_a_blind_health_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=0, services={"a": "healthy", "b": "healthy"}, seen={"b"})

    with pytest.raises(AssertionError, match=r"names \[\], the engine \['b'\]"):
        require("b")


def test_a_health_check_that_ends_well_in_spite_of_what_it_saw_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=0, services={"a": "healthy", "b": "exited"}, seen={"b"})

    with pytest.raises(AssertionError, match="exit code 0 with 1 services named"):
        require("b")


def test_a_health_check_that_cries_wolf_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=1, services={"a": "unhealthy", "b": "healthy"}, seen=set())

    with pytest.raises(AssertionError, match=r"names \['a'\], the engine \[\]"):
        require(None)


HELP = "usage\n\nwhat it does\n\n  --dry-run\n"


def answers(monkeypatch: pytest.MonkeyPatch, *, told: str = HELP, refused: tuple[int, str] = (4, "no such option\n")) -> None:
    """Let a command answer so to --help and to nonsense."""

    def ops(name: str, word: str) -> Completed:
        if word == "--help":
            return Completed((name,), 0, told, "", 0.1)
        return Completed((name,), refused[0], "", refused[1], 0.1)

    monkeypatch.setattr(test_commands, "ops", ops)


RESTORE = Command("stack.ops.restore_database", "restores", destructive=True)


def test_a_good_command_has_no_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch)

    assert test_commands.faults("restore", RESTORE) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"told": "usage --dry-run\n"}, "expected an explanation"),
        ({"told": "usage\n\nwhat it does\n\nand how\n"}, "has no --dry-run"),
        ({"refused": (1, "no such option\n")}, "ends with 1, expected 4"),
        ({"refused": (4, "Traceback (most recent call last)\n  boom\n")}, "expected one sentence"),
        ({"refused": (4, "")}, "expected one sentence"),
    ],
)
def test_a_bad_command_is_named(changes: dict[str, Any], fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, **changes)

    assert any(fault in each for each in test_commands.faults("restore", RESTORE))


def test_the_check_names_the_command_that_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, told="usage\n\nwhat it does\n\nand how\n")

    with pytest.raises(AssertionError, match="restore-database: replaces or removes data and has no --dry-run"):
        test_commands.test_every_command_can_be_learnt_and_rehearsed(Evidence())
