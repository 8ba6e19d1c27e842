"""The last attempt to take a fault back: it has time enough to be one, and says what was wrong before it was cut off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from chaos import undo as undoing
from chaos.effect import RevertFailed
from chaos.faults.container import Killed, Paused, Removed, Restarted, Stopped
from chaos.fingerprint import Fingerprint
from chaos.undo import undo
from stack.errors import CannotTell
from stack.waiting import pause


@dataclass(frozen=True)
class Late(Paused):
    """A fault whose first revert fails when its bound has nearly passed, and whose second takes half a second."""

    effect: ClassVar[str] = "late"
    revert_within: ClassVar[timedelta] = timedelta(seconds=0.3)
    attempts: ClassVar[list[float]] = []

    def revert(self, stack: Any) -> None:
        """Fail, then thaw."""
        self.attempts.append(time.monotonic())
        if len(self.attempts) == 1:
            raise CannotTell("the engine is being restarted")
        pause(0.5)
        super().revert(stack)


@pytest.fixture
def late(fake: Any) -> Late:
    Late.attempts.clear()
    fault = Late("shop")
    fault.inject(fake)
    return fault


def test_the_last_attempt_has_time_enough(fake: Any, late: Late) -> None:
    undo(late, fake, Fingerprint.of(fake, fault=late), only=())

    assert len(Late.attempts) == 2
    assert not late.active(fake)


def test_an_attempt_that_is_cut_off_keeps_what_was_wrong_before(
    fake: Any, late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "LEAST", timedelta(seconds=0.1))

    with pytest.raises(
        RevertFailed, match=r"was not done within 0\.1 s, and before that: the engine is being restarted$"
    ):
        undo(late, fake, Fingerprint.of(fake, fault=late), only=())


def test_an_attempt_that_is_cut_off_at_once_says_only_that(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undoing, "LEAST", timedelta(seconds=0.1))
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.1))
    monkeypatch.setattr(Paused, "revert", lambda _self, _stack: pause(0.3))

    with pytest.raises(RevertFailed, match=r"was not done within 0\.1 s$"):
        undo(Paused("shop"), fake, Fingerprint.of(fake), only=())


@pytest.mark.parametrize("fault", [Killed, Stopped, Restarted, Removed, Paused])
def test_a_container_has_the_time_in_which_a_wallet_opens_twice(fault: type[Paused]) -> None:
    assert fault.revert_within >= 2 * timedelta(seconds=40)
