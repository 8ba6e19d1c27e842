"""The checks of a rebuilt system, each on what it could be told of one: all well, and each thing that could be wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from stack.clients.market import Refused
from stack.errors import CannotTell
from stack.journey import Ack, Losses
from stack.profile import Profile
from stack.project import COMPOSE_FILE
from suites.check import Evidence
from suites.restore import test_rescue, test_wallets
from suites.restore.disaster import Disaster, Seen
from suites.restore.escrows import Opened
from suites.restore.rebuilding import Rebuilt

ACKS = tuple(Ack(sequence=sequence, kind="order", at=0.0, key=f"o{sequence}") for sequence in (3, 4, 5))
WALLET = Seen("4address", 300, 10**13, 9 * 10**12)


class Sailor:
    """A journey that loses what it is told to lose, or is refused."""

    def __init__(self, *, loses: bool = False, refused: bool = False) -> None:
        self.loses, self.refused = loses, refused

    def against(self, target: object) -> Sailor:
        """The same."""
        return self

    def act(self) -> Ack:
        """One write."""
        if self.refused:
            raise Refused("ordering", 503, "database_damaged", None)
        return Ack(sequence=99, kind="order", at=5e9, key="new")

    def verify(self, acks: Any) -> Losses:
        """Lose the first, or nothing."""
        return Losses(lost=tuple(acks)[:1]) if self.loses else Losses()


class Named:
    """As much of a stack as these checks look at."""

    project = "seatrial-restore"
    profile = Profile.load(COMPOSE_FILE.with_name("profile.toml"))


def disaster(sailor: Sailor | None = None, **more: Any) -> Disaster:
    """A disaster that ended well, but for `more`."""
    wallets = {f"wallet-{name}": {"archive": f"wallet-{name}.gpg", "seconds": 2.0} for name in Named.profile.wallets}
    restored = {"database": {"archive": "db.gpg", "content": {"highest_sequence": 5}}, **wallets}
    rebuilt = Rebuilt(Named(), restored, {"restore": 3.0, "start": 10.0, "verify": 1.0})  # type: ignore[arg-type]
    seen = dict.fromkeys(Named.profile.wallets, WALLET)
    known: dict[str, Any] = {
        "first": Named(),
        "rebuilt": rebuilt,
        "journey": sailor or Sailor(),
        "acks": ACKS,
        "opened": Opened("v", "b", "a"),
        "before": seen,
        "after": seen,
        "wallets_made": 0.0,
        "wallets_seconds": 2.0,
        "lost_at": 9.0,
        "database_rescue": {"start": 4.0},
        "orders": (),
    }
    return Disaster(**(known | more))


def slowly(phase: str, seconds: float) -> Disaster:
    """A disaster of which one phase took as long."""
    well = disaster()
    return dataclasses.replace(
        well, rebuilt=dataclasses.replace(well.rebuilt, phases={**well.rebuilt.phases, phase: seconds})
    )


def test_a_restored_stack_that_serves_passes() -> None:
    test_rescue.test_restored_stack_serves_a_verified_transaction(disaster(), Evidence())


def test_a_restored_stack_that_lost_an_acknowledged_write_fails() -> None:
    with pytest.raises(AssertionError, match="1 lost"):
        test_rescue.test_restored_stack_serves_a_verified_transaction(disaster(Sailor(loses=True)), Evidence())


def test_a_restored_stack_that_refuses_to_trade_fails() -> None:
    with pytest.raises(AssertionError, match="database_damaged"):
        test_rescue.test_restored_stack_serves_a_verified_transaction(disaster(Sailor(refused=True)), Evidence())


def test_a_backup_that_lacks_an_acknowledged_write_fails() -> None:
    later = Ack(sequence=6, kind="order", at=0.0, key="o6")

    with pytest.raises(AssertionError, match="1 writes acknowledged before the backup was begun are not in it"):
        test_rescue.test_restored_stack_serves_a_verified_transaction(disaster(acks=(*ACKS, later)), Evidence())


def test_a_journey_that_can_not_move_can_not_tell() -> None:
    with pytest.raises(CannotTell, match="against"):
        test_rescue.moved(object(), object())  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [[], ["order o1 is released and has 0 settling payouts"]])
def test_money_that_does_not_add_up_fails(wrong: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_rescue, "broken", lambda stack: wrong)

    if not wrong:
        test_rescue.test_system_is_rebuilt_from_what_is_kept(disaster(), Evidence())
        return
    with pytest.raises(AssertionError, match="0 settling payouts"):
        test_rescue.test_system_is_rebuilt_from_what_is_kept(disaster(), Evidence())


def test_a_system_that_is_back_in_time_passes() -> None:
    test_rescue.test_system_recovers_in_time(disaster(), Evidence())


@pytest.mark.parametrize(("phase", "seconds", "said"), [("start", 901, "the application took"), ("restore", 14400, "the system took")])
def test_a_system_that_takes_too_long_fails(phase: str, seconds: float, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        test_rescue.test_system_recovers_in_time(slowly(phase, seconds), Evidence())


def test_wallets_that_are_who_they_were_pass() -> None:
    test_wallets.test_restored_wallets_are_who_they_were(disaster(), Evidence())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": "4other"}, "another address"),
        ({"height": 299}, "299 blocks, expected 300"),
        ({"balance": 10**13 - 1}, "expected 10000000000000"),
    ],
)
def test_a_wallet_that_is_another_fails(change: dict[str, Any], said: str) -> None:
    after = {**disaster().after, "vendor": dataclasses.replace(WALLET, **change)}

    with pytest.raises(AssertionError, match=f"vendor.*{said}"):
        test_wallets.test_restored_wallets_are_who_they_were(disaster(after=after), Evidence())


def test_wallets_that_are_back_in_time_pass() -> None:
    test_wallets.test_wallets_recover_in_time(disaster(), Evidence())


def test_wallets_that_take_too_long_fail() -> None:
    with pytest.raises(AssertionError, match="took longer than 3600"):
        test_wallets.test_wallets_recover_in_time(slowly("start", 3600), Evidence())


def test_wallets_that_are_backed_up_too_slowly_fail() -> None:
    with pytest.raises(AssertionError, match="can be lost, expected at most 86400"):
        test_wallets.test_wallets_recover_in_time(disaster(wallets_seconds=70_000.0), Evidence())
