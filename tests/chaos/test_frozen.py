"""A service frozen while a deployment goes on: taken back and in the journal, and a thaw that fails stops all further faults."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chaos.effect import RevertFailed
from chaos.faults.container import Paused
from chaos.machines.frozen import frozen
from chaos.runner import Runner, journal_of
from stack.errors import CannotTell


def test_it_is_frozen_for_the_block_and_thawed_after_it(fake: Any) -> None:
    with frozen(fake, "shop"):
        assert Paused("shop").active(fake)
        assert journal_of(fake).standing()

    assert not Paused("shop").active(fake)
    assert journal_of(fake).standing() == []


def test_a_thaw_that_fails_is_noted_and_stops_all_further_faults(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paused, "revert", lambda _self, _stack: None)
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.2))

    with pytest.raises(RevertFailed), frozen(fake, "shop"):
        pass

    (standing,) = journal_of(fake).standing()
    assert standing.failure is not None
    assert standing.failure.startswith("REVERT_FAILED: paused(shop)")
    with pytest.raises(CannotTell, match="no further fault is injected: REVERT_FAILED"):
        Runner.of(fake).make_ready(Paused("till"))
    monkeypatch.undo()
