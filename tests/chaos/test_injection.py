"""The contract of faults.md, clause by clause, on a stack made of a file."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chaos.effect import Fault, RevertFailed
from chaos.faults import FAULTS, decode, make
from chaos.faults.container import Paused, Restarted, Stopped
from chaos.faults.network import Disconnected
from chaos.fingerprint import Fingerprint
from chaos.injection import injected
from chaos.runner import NotAllowed, Runner, journal_of, permit
from stack.errors import CannotTell, UserError
from stack.waiting import eventually
from tests.chaos.fake_stack import FakeStack

FAULTS_ON_THE_FAKE = [Stopped("shop"), Paused("shop"), Restarted("shop"), Disconnected("shop", "net")]


@pytest.mark.parametrize("fault", FAULTS_ON_THE_FAKE, ids=str)
def test_a_fault_bites_is_witnessed_and_is_proved_gone(fake: Any, fault: Fault) -> None:
    before = Fingerprint.of(fake)

    with injected(fault, fake) as injection:
        assert fault.witness(fake, injection.before)
        assert [decode(i.fault) for i in journal_of(fake).standing()] == [fault]

    assert before.differences(Fingerprint.of(fake)) == []
    assert injection.proof is not None
    assert journal_of(fake).standing() == []


@pytest.mark.parametrize("fault", FAULTS_ON_THE_FAKE, ids=str)
def test_revert_is_idempotent_and_needs_no_inject(fake: Any, fault: Fault) -> None:
    before = Fingerprint.of(fake)

    fault.revert(fake)
    fault.inject(fake)
    fault.revert(fake)
    fault.revert(fake)

    assert not fault.active(fake)
    assert before.differences(Fingerprint.of(fake)) == []


@pytest.mark.parametrize("fault", FAULTS_ON_THE_FAKE, ids=str)
def test_without_its_effect_a_fault_has_no_witness(fake: Any, fault: Fault) -> None:
    assert fault.witness(fake, Fingerprint.of(fake)) is None


def test_the_intent_is_on_disk_before_the_effect(fake: Any) -> None:
    seen: list[bool] = []

    def told(step: str) -> None:
        if step == "intent":
            seen.append(Paused("shop").active(fake))
            seen.append(bool(journal_of(fake).standing()))

    with injected(Paused("shop"), fake, told=told):
        pass

    assert seen == [False, True]


def test_what_the_block_raises_comes_out_after_the_revert(fake: Any) -> None:
    with pytest.raises(ZeroDivisionError), injected(Paused("shop"), fake):
        _ = 1 / 0

    assert not Paused("shop").active(fake)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_fault_unwinds_and_one_during_the_revert_waits_for_it(
    fake: Any, number: signal.Signals
) -> None:
    class Ended(Exception):
        pass

    def end(_number: int, _frame: object) -> None:
        raise Ended

    def again(step: str) -> None:
        if step == "revert":
            os.kill(os.getpid(), number)

    old = signal.signal(number, end)
    try:
        with pytest.raises(Ended), injected(Paused("shop"), fake, told=again):
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 0.1)
    finally:
        signal.signal(number, old)

    assert not Paused("shop").active(fake)
    assert journal_of(fake).standing() == []


@dataclass(frozen=True)
class Sticky(Paused):
    """A fault that can't be taken back."""

    effect: ClassVar[str] = "sticky"
    revert_within: ClassVar[timedelta] = timedelta(seconds=0.5)

    def revert(self, stack: Any) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class Hanging(Paused):
    """A fault whose revert never returns."""

    effect: ClassVar[str] = "hanging"
    revert_within: ClassVar[timedelta] = timedelta(seconds=0.5)

    def revert(self, stack: Any) -> None:
        """Wait for a signal that never comes."""
        signal.sigtimedwait([], 3)


@pytest.mark.parametrize("fault", [Sticky("shop"), Hanging("shop")], ids=str)
def test_a_revert_that_cannot_be_proved_is_a_result_and_stops_further_faults(
    fake: Any, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaos.undo.LEAST", timedelta(seconds=0.2))
    with pytest.raises(RevertFailed, match=f"REVERT_FAILED: {fault.effect}"), injected(fault, fake):
        pass

    with pytest.raises(CannotTell, match="no further fault is injected: REVERT_FAILED"), injected(Paused("till"), fake):
        pass
    assert not Paused("till").active(fake)
    assert RevertFailed.revert_failed


def test_an_effect_that_changes_something_else_fails_the_proof(fake: FakeStack) -> None:
    @dataclass(frozen=True)
    class Careless(Paused):
        effect: ClassVar[str] = "careless"
        revert_within: ClassVar[timedelta] = timedelta(seconds=0.5)

        def inject(self, stack: Any) -> None:
            super().inject(stack)
            stack.put(lambda found: found[1]["HostConfig"]["RestartPolicy"].update(Name="always"))

    with pytest.raises(RevertFailed, match="till: restart was 'no', is 'always'"), injected(Careless("shop"), fake):  # type: ignore[arg-type]
        pass


def test_an_unknown_service_is_one_sentence_and_nothing_is_injected(fake: Any) -> None:
    with (
        pytest.raises(UserError, match=r"project fake has no service 'bank' \(it has shop, till\)"),
        injected(Paused("bank"), fake),
    ):
        pass

    assert not journal_of(fake).path.exists()


def test_a_target_that_does_not_run_is_nothing_to_break(fake: Any) -> None:
    fake.driver.stop(fake.driver.container_ids("shop")[0])

    with pytest.raises(CannotTell, match="nothing to break"), injected(Paused("shop"), fake):
        pass


def test_a_target_that_is_replaced_during_the_fault_is_found_again(fake: Any) -> None:
    def replace(found: list[dict[str, Any]]) -> None:
        found[0]["Id"] = "f" * 64
        found[0]["State"].update(Status="running", Paused=False, StartedAt="later")

    with injected(Paused("shop"), fake):
        fake.put(replace)

    assert not Paused("shop").active(fake)


def test_a_target_that_dies_during_the_fault_is_started_again(fake: Any) -> None:
    with injected(Stopped("shop"), fake):
        fake.put(lambda found: found[0]["State"].update(Status="dead"))

    assert not Stopped("shop").active(fake)


def test_an_attached_project_needs_permission_by_name(fake: Any) -> None:
    fake.attached = True
    fake.project = "theirs"

    with pytest.raises(NotAllowed, match="needs --allow-faults theirs"), injected(Paused("shop"), fake):
        pass

    permit("theirs")
    with injected(Paused("shop"), fake):
        assert Paused("shop").active(fake)


def watchdog_of(stack: Any) -> int:
    pid = Runner.of(stack).watchdog_pid
    assert pid is not None
    return pid


def is_dead(pid: int) -> bool:
    try:
        return " Z " in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True


def test_a_watchdog_that_dies_while_a_fault_stands_is_replaced_while_it_stands(fake: Any) -> None:
    with injected(Paused("shop"), fake):
        first = watchdog_of(fake)
        os.kill(first, signal.SIGKILL)

        eventually(lambda: watchdog_of(fake) != first, within=timedelta(seconds=30), every=timedelta(milliseconds=20))
        assert not is_dead(watchdog_of(fake))


def test_nothing_is_injected_without_a_watchdog(fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with injected(Paused("shop"), fake):
        first = watchdog_of(fake)
        monkeypatch.setattr("chaos.watchdog.sys.executable", "/bin/false")
        os.kill(first, signal.SIGKILL)
        eventually(lambda: is_dead(first), within=timedelta(seconds=10), every=timedelta(milliseconds=20))

    with pytest.raises(CannotTell, match="the fault watchdog did not start"), injected(Paused("till"), fake):
        pass

    assert not Paused("till").active(fake)
    assert journal_of(fake).standing() == []


def test_every_fault_is_written_and_read_back() -> None:
    for fault in FAULTS_ON_THE_FAKE:
        assert decode(fault.to_json()) == fault
    assert set(FAULTS) >= {"killed", "stopped", "paused", "restarted", "removed", "disconnected", "partitioned"}


def test_an_unknown_fault_and_wrong_parameters_are_one_sentence() -> None:
    with pytest.raises(UserError, match="there is no fault 'melted': it is one of"):
        make("melted", {})
    with pytest.raises(UserError, match="fault paused: .*missing 1 required"):
        make("paused", {})


def test_a_member_that_could_not_come_back_to_its_address_is_not_disconnected(fake: Any) -> None:
    with fake.driver._changing(fake.driver.container_ids("shop")[0]) as found:
        found["NetworkSettings"]["Networks"]["fake_net"]["IPAMConfig"] = {"IPv4Address": "10.99.1.2"}
    before = Fingerprint.of(fake)

    with (
        pytest.raises(CannotTell, match=r"fixed address 10\.99\.1\.2 and the compose file says none"),
        injected(Disconnected("shop", "net"), fake),
    ):
        pass

    assert before.differences(Fingerprint.of(fake)) == []
    assert journal_of(fake).standing() == []
