"""Every check of the operations area is seen to pass, and to fail on tools that are blind, rude or dangerous."""

from __future__ import annotations

from typing import Any

import pytest

from stack.completed import Completed
from stack.ops.command import Command, Refused
from stack.ops.validate import findings
from suites.check import Evidence
from suites.operations import test_commands, test_validation
from suites.operations.declarations import BROKEN, SOUND, Declaration


def named(monkeypatch: pytest.MonkeyPatch, code: int, *ids: str) -> None:
    """Let validate-infrastructure name these checks."""
    facts = {"findings": [{"id": id} for id in ids]}
    monkeypatch.setattr(test_validation, "answer_of", lambda words: (code, facts))


def test_a_validation_that_names_every_sin_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, 1, *BROKEN.expected)
    test_validation.require_validation(BROKEN, Evidence())

    named(monkeypatch, 0)
    test_validation.require_validation(SOUND, Evidence())


@pytest.mark.parametrize("blind_to", sorted(BROKEN.expected))
def test_a_validation_that_misses_one_sin_fails(blind_to: str, monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, 1, *(BROKEN.expected - {blind_to}))

    with pytest.raises(AssertionError, match=rf"(?m)on the broken stack: is blind to {blind_to}$"):
        test_validation.require_validation(BROKEN, Evidence())


def test_a_validation_that_sees_nothing_at_all_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, 0)

    with pytest.raises(AssertionError, match="is blind to SEC-CMP-001, "):
        test_validation.require_validation(BROKEN, Evidence())


def test_a_validation_that_cries_wolf_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    named(monkeypatch, 1, "SEC-CMP-001")

    with pytest.raises(AssertionError, match="on the sound stack: names SEC-CMP-001, which nothing in it breaks"):
        test_validation.require_validation(SOUND, Evidence())


@pytest.mark.parametrize(("declaration", "code"), [(SOUND, 1), (BROKEN, 0)])
def test_a_validation_whose_exit_code_says_otherwise_fails(
    declaration: Declaration, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    named(monkeypatch, code, *declaration.expected)

    with pytest.raises(AssertionError, match=f"exit code {code} on the {declaration.name} stack"):
        test_validation.require_validation(declaration, Evidence())


def test_the_real_validation_names_exactly_the_sins() -> None:
    for declaration in (SOUND, BROKEN):
        test_validation.require_validation(declaration, Evidence())


def test_a_validation_without_its_checks_is_refused_and_never_sound() -> None:
    with pytest.raises(Refused, match="no check could be applied"):
        findings({"checks": [], "results": [{"id": "SEC-CMP-001", "outcome": "NOT_APPLICABLE"}]})


def health(monkeypatch: pytest.MonkeyPatch, *, code: int, services: dict[str, str]) -> None:
    """Let docker-health-check answer so."""
    facts: dict[str, Any] = {
        "services": services,
        "healthy": sum(state == "healthy" for state in services.values()),
        "of": len(services),
    }
    monkeypatch.setattr(test_validation, "answer_of", lambda words: (code, facts))
    monkeypatch.setattr(test_validation, "health_words", lambda stack: [])


def require(broken: str | None) -> None:
    """Judge the health check."""
    test_validation.require_health(None, Evidence(), broken=broken)  # type: ignore[arg-type]


def test_a_health_check_that_sees_what_is_broken_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=1, services={"a": "healthy", "b": "exited"})

    require("b")


def test_a_blind_health_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=0, services={"a": "healthy", "b": "healthy"})

    with pytest.raises(AssertionError, match="names nothing, broken is b"):
        require("b")


def test_a_health_check_that_ends_well_in_spite_of_what_it_saw_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=0, services={"a": "healthy", "b": "exited"})

    with pytest.raises(AssertionError, match="exit code 0 with 1 services named"):
        require("b")


def test_a_health_check_that_names_a_neighbour_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=1, services={"a": "exited", "b": "healthy"})

    with pytest.raises(AssertionError, match="names a, broken is b"):
        require("b")


def test_a_health_check_that_cries_wolf_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    health(monkeypatch, code=1, services={"a": "unhealthy", "b": "healthy"})

    with pytest.raises(AssertionError, match="names a, broken is nothing"):
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
        ({"told": "usage\n\nwhat it does\n\nand how\n"}, "names no --dry-run"),
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

    with pytest.raises(AssertionError, match="restore-database: replaces or removes data and its --help names no --dry-run"):
        test_commands.test_every_command_can_be_learnt_and_offers_a_rehearsal(Evidence())


def test_the_check_claims_no_rehearsal_that_it_did_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch)
    evidence = Evidence()

    test_commands.test_every_command_can_be_learnt_and_offers_a_rehearsal(evidence)

    assert "--dry-run was looked for in the help, and not run" in str(evidence.__dict__)
