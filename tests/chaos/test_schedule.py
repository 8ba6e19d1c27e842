"""Several faults in one schedule: begun in time, taken back the newest first, proved gone together, and stopped by a failed revert."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from chaos.effect import RevertFailed
from chaos.faults.container import Killed, Paused, Restarted, Stopped
from chaos.heal import heal
from chaos.injection import Injection
from chaos.runner import Runner, journal_of
from chaos.schedule import Play, Schedule, Several, Step, played
from stack.errors import CannotTell, UserError

FROZEN, DOWN = Paused("shop"), Stopped("till")
BOTH = Schedule((Step(FROZEN), Step(DOWN)))


class Heard(list[tuple[str, str]]):
    """What a schedule told, in order."""

    def __call__(self, step: str, injection: Injection) -> None:
        self.append((step, injection.fault.effect))


def see(injection: Injection) -> None:
    """Believe that it bit."""


def test_two_at_once_are_taken_back_the_newest_first(fake: Any) -> None:
    heard = Heard()

    with played(BOTH, fake, told=heard) as play:
        play.begin(see)
        assert FROZEN.active(fake)
        assert DOWN.active(fake)

    assert heard == [
        ("injected", "paused"), ("injected", "stopped"),
        ("revert", "stopped"), ("revert", "paused"),
        ("proved", "stopped"), ("proved", "paused"),
    ]  # fmt: skip
    assert not FROZEN.active(fake)
    assert not DOWN.active(fake)


def test_each_fault_has_an_intent_with_the_state_before_the_first(fake: Any) -> None:
    with played(BOTH, fake) as play:
        play.begin(see)
        intents = journal_of(fake).standing()

    assert [intent.fault["effect"] for intent in intents] == ["paused", "stopped"]
    assert all(intent.injected for intent in intents)
    assert {str(intent.before["services"]["shop"]["status"]) for intent in intents} == {"running"}
    assert not journal_of(fake).standing()


def test_a_fault_may_go_while_a_later_one_still_stands(fake: Any) -> None:
    schedule = Schedule((Step(FROZEN, stands=timedelta(seconds=0.1)), Step(DOWN)))

    with played(schedule, fake) as play:
        play.begin(see)
        play.hold(timedelta(seconds=0.3))
        assert not FROZEN.active(fake)
        assert DOWN.active(fake)
        first, second = play.begun
        assert first.ended is not None
        assert second.ended is None


def test_a_step_comes_so_much_later_than_the_one_before(fake: Any) -> None:
    with played(Schedule((Step(FROZEN), Step(DOWN, after=timedelta(seconds=0.3)))), fake) as play:
        play.begin(see)

        first, second = (one.injection.began for one in play.begun)
        assert second - first >= 0.3


def test_a_cascade_waits_for_the_witness_of_the_step_before(fake: Any) -> None:
    seen: list[tuple[str, bool]] = []
    schedule = Schedule((Step(FROZEN), Step(DOWN, once_seen=True)))

    with played(schedule, fake) as play:
        play.begin(lambda injection: seen.append((injection.fault.effect, DOWN.active(fake))))

    assert seen == [("paused", False), ("stopped", True)]


def test_what_begins_together_is_seen_once_all_are_there(fake: Any) -> None:
    seen: list[tuple[str, bool]] = []

    with played(BOTH, fake) as play:
        play.begin(lambda injection: seen.append((injection.fault.effect, DOWN.active(fake))))

    assert seen == [("paused", True), ("stopped", True)]


def test_a_silent_witness_takes_all_back(fake: Any) -> None:
    def silent(_injection: Injection) -> None:
        raise CannotTell("nothing shows that it bit")

    with pytest.raises(CannotTell, match="nothing shows"), played(BOTH, fake) as play:
        play.begin(silent)

    assert not FROZEN.active(fake)
    assert not DOWN.active(fake)


def test_a_step_that_cannot_be_had_takes_back_those_before(fake: Any) -> None:
    fake.driver.stop(fake.driver.container_ids("till")[0])
    schedule = Schedule((Step(FROZEN), Step(Paused("till"))))

    with pytest.raises(CannotTell, match="till has no running container"), played(schedule, fake) as play:
        play.begin(see)

    assert not FROZEN.active(fake)
    assert not journal_of(fake).standing()


def test_an_unknown_service_is_refused_before_anything_is_injected(fake: Any) -> None:
    with (
        pytest.raises(UserError, match="no service 'ghost'"),
        played(Schedule((Step(FROZEN), Step(Paused("ghost")))), fake) as play,
    ):
        play.begin(see)

    assert not journal_of(fake).entries()


def test_a_failed_revert_keeps_no_other_fault_standing(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paused, "revert", lambda _self, _stack: None)
    monkeypatch.setattr(Several, "revert_within", timedelta(seconds=0.4))

    with (
        pytest.raises(RevertFailed, match=r"paused\(shop\) and stopped\(till.*\) could not be proved gone"),
        played(BOTH, fake) as play,
    ):
        play.begin(see)

    assert not DOWN.active(fake)
    assert [intent.failure is not None for intent in journal_of(fake).standing()] == [True, True]
    with pytest.raises(CannotTell, match="no further fault is injected"):
        Runner.of(fake).make_ready(FROZEN)
    monkeypatch.undo()


def test_whatever_one_revert_raises_the_others_are_taken_back(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Any, _stack: Any) -> None:
        raise KeyError("State")

    FROZEN.inject(fake)
    DOWN.inject(fake)
    monkeypatch.setattr(Stopped, "revert", broken)

    with pytest.raises(RevertFailed, match=r"stopped\(till.*\): KeyError: 'State'"):
        Several.of((FROZEN, DOWN)).revert(fake)

    assert not FROZEN.active(fake)


def test_a_revert_that_fails_early_stops_the_steps_to_come(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paused, "revert", lambda _self, _stack: None)
    monkeypatch.setattr(Paused, "revert_within", timedelta(seconds=0.2))
    schedule = Schedule(
        (
            Step(FROZEN, stands=timedelta(seconds=0.05)),
            Step(DOWN, after=timedelta(seconds=0.2)),
            Step(Restarted("till")),
        )
    )

    with pytest.raises(RevertFailed), played(schedule, fake) as play:
        play.begin(see)

    assert [entry["fault"]["effect"] for entry in journal_of(fake).entries() if entry["event"] == "intent"] == [
        "paused"
    ]
    monkeypatch.undo()


def test_what_a_killed_runner_left_of_a_schedule_is_healed(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Play, "end", lambda _self: None)
    with played(BOTH, fake) as play:
        play.begin(see)

    healed = heal(fake, journal_of(fake))

    assert [one.ok for one in healed] == [True, True]
    assert not FROZEN.active(fake)
    assert not DOWN.active(fake)


def test_the_fault_whose_time_is_over_goes_even_when_nothing_else_happens(fake: Any) -> None:
    began = time.monotonic()
    with played(Schedule((Step(FROZEN, stands=timedelta(seconds=0.2)),)), fake) as play:
        play.begin(see)
        play.hold(timedelta(seconds=0.5))

        ended = play.begun[0].ended
        assert ended is not None
        assert ended - began < time.monotonic() - began


@pytest.mark.parametrize("steps", [(), (Step(FROZEN), Step(FROZEN, once_seen=True))])
def test_a_schedule_of_nothing_or_of_one_fault_twice_is_an_error_of_its_author(steps: tuple[Step, ...]) -> None:
    with pytest.raises(ValueError, match="schedule"):
        Schedule(steps)


def test_a_schedule_reads_as_a_sentence() -> None:
    schedule = Schedule(
        (
            Step(FROZEN, stands=timedelta(seconds=2)),
            Step(Killed("till"), once_seen=True),
            Step(Paused("till"), after=timedelta(seconds=1)),
        )
    )

    assert str(schedule) == "paused(shop) for 2 s, once that is seen killed(till), 1 s later paused(till)"
    assert schedule.targets == ("shop", "till")


def test_one_fault_is_a_schedule_of_itself() -> None:
    assert Schedule.of(FROZEN).faults == (FROZEN,)
    assert Several.of((FROZEN,)) is FROZEN
