"""Healing what a dead runner left: one that goes wrong in an unforeseen way keeps no other standing, and a moment's silence is no verdict."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chaos.effect import Fault
from chaos.faults.container import Paused, Stopped
from chaos.fingerprint import Fingerprint
from chaos.heal import heal
from chaos.runner import journal_of
from stack.errors import CannotTell

FROZEN, DOWN = Paused("shop"), Stopped("till")


def left(fake: Any, *faults: Fault, injected: bool = True) -> None:
    """Faults that a runner began and nobody took back."""
    for fault in faults:
        number = journal_of(fake).intend(fault.to_json(), Fingerprint.of(fake, fault=fault).to_json())
        fault.inject(fake)
        if injected:
            journal_of(fake).note(number, "injected")


@pytest.mark.parametrize("kind", [OSError, KeyError, AssertionError])
def test_whatever_one_revert_raises_the_others_are_healed(
    fake: Any, monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    def broken(_self: Any, _stack: Any) -> None:
        raise kind("unforeseen")

    left(fake, DOWN, FROZEN)
    monkeypatch.setattr(Paused, "revert", broken)
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.1))
    # What the other's proof sees of the one that stands is another matter.
    monkeypatch.setattr("chaos.undo.Fingerprint.differences", lambda *_args, **_more: [])

    down, frozen = heal(fake, journal_of(fake))

    assert down.ok
    assert not DOWN.active(fake)
    assert not frozen.ok
    assert f"{kind.__name__}: " in frozen.message
    assert [intent.fault["effect"] for intent in journal_of(fake).standing()] == ["paused"]


def test_a_fault_that_cannot_be_read_keeps_no_other_standing(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chaos.undo.Fingerprint.differences", lambda *_args, **_more: [])
    left(fake, DOWN, FROZEN)
    file = journal_of(fake).path
    file.write_text(
        file.read_text().replace('"parameters": {"service": "shop"', '"parameters": ["shop"], "was": {"x": "y"')
    )

    down, unreadable = heal(fake, journal_of(fake))

    assert down.what == str(DOWN)
    assert down.ok
    assert not DOWN.active(fake)
    assert not unreadable.ok


@pytest.mark.parametrize("kind", [CannotTell, ConnectionError])
@pytest.mark.parametrize("silent", [1, 2])
def test_a_moment_in_which_nobody_can_look_leaves_no_failed_revert(
    fake: Any, monkeypatch: pytest.MonkeyPatch, silent: int, kind: type[Exception]
) -> None:
    seen, asked = Paused.active, [0]

    def active(self: Paused, stack: Any) -> bool:
        asked[0] += 1
        if 1 < asked[0] <= 1 + silent:  # the first is the revert's own proof
            raise kind("nginx is being reloaded")
        return seen(self, stack)

    left(fake, FROZEN, injected=False)
    monkeypatch.setattr(Paused, "active", active)
    monkeypatch.setattr(Paused, "in_flight", timedelta(seconds=0.3))

    (healed,) = heal(fake, journal_of(fake))

    assert healed.ok, healed.message
    assert asked[0] > 1 + silent
    assert journal_of(fake).standing() == []


def test_an_effect_that_comes_after_a_moments_silence_is_taken_back_too(
    fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, asked = Paused.active, [0]

    def active(self: Paused, stack: Any) -> bool:
        asked[0] += 1
        if asked[0] == 2:
            raise CannotTell("the container has just ended")
        if asked[0] == 4:  # after the attempt that the silence brought
            self.inject(stack)
        return seen(self, stack)

    left(fake, FROZEN, injected=False)
    monkeypatch.setattr(Paused, "active", active)
    monkeypatch.setattr(Paused, "in_flight", timedelta(seconds=0.5))

    (healed,) = heal(fake, journal_of(fake))

    assert healed.ok, healed.message
    assert not seen(FROZEN, fake)


def test_a_silence_that_lasts_is_a_failed_revert(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, asked = Paused.active, [0]

    def active(self: Paused, stack: Any) -> bool:
        asked[0] += 1
        if asked[0] > 1:
            raise CannotTell("nobody answers")
        return seen(self, stack)

    left(fake, FROZEN, injected=False)
    monkeypatch.setattr(Paused, "active", active)
    monkeypatch.setattr(Paused, "in_flight", timedelta(seconds=0.3))
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.3))

    (healed,) = heal(fake, journal_of(fake))

    assert not healed.ok
    assert "nobody answers" in healed.message
