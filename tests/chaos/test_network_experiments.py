"""The experiments of the network on a pretended marketplace: each holds where its hypothesis is true, and fails where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chaos.experiment import Outcome
from stack.clients.market import Refused, Unanswered
from tests.chaos.marketplace import EVERY, LISTINGS, SERVED, SILENT, Marketplace, Met, World, verdict_on

WALLETS = ("buyer", "vendor", "arbiter")
AWAY = {LISTINGS: 502}


@dataclass(frozen=True)
class Sea(World):
    """A World with wallets, orders, metrics, logs and alerts: what each says while a fault stands, and what stays wrong."""

    silent: tuple[str, ...] = ()
    """Wallets that `/ready` and the exporter call silent while the fault stands."""
    stays_silent: bool = False
    orders: str = "taken"
    """While the fault stands: taken, refused, or hanging."""
    blind: tuple[str, ...] = ()
    """Targets that Prometheus does not see any more afterwards."""
    fires: bool = False
    unseen: bool = False
    """Whether Prometheus does not even see that it is cut off."""
    loses_lines: bool = False
    loses_alert: bool = False
    hangs: bool = False
    """Whether the exporter does not answer a scrape while the fault stands."""


class Harbour(Marketplace):
    """The pretended marketplace with what these experiments ask besides."""

    world: Sea

    def __init__(self, root: Path, world: Sea) -> None:
        """All well."""
        super().__init__(root, world)
        self.lines: list[str] = []
        self.raised: list[dict[str, str]] = []
        self.prometheus = SimpleNamespace(targets=self._targets, alerts=self._alerts)
        self.loki = SimpleNamespace(query_range=self._found)
        self.alertmanager = SimpleNamespace(post=lambda labels, *_, **__: self.raised.append(dict(labels)))
        self.receiver = SimpleNamespace(alerts=self._told)

    @property
    def standing(self) -> bool:
        """Whether the fault is there now."""
        return self.engine.broken and self.engine.ended is None

    @property
    def silent_now(self) -> tuple[str, ...]:
        """Which wallets say nothing."""
        return self.world.silent if self.standing or (self.world.stays_silent and self.engine.broken) else ()

    def ready(self) -> dict[str, Any]:
        """What `/ready` says."""
        wallets = {name: "silent" if name in self.silent_now else "answers" for name in WALLETS}
        return {"status": "degraded" if self.silent_now else "ready", "wallets": wallets}

    def container(self, _service: str) -> Any:
        """A container that takes lines for its log."""

        def exec(_argv: Sequence[str], *, stdin: bytes = b"", **_: Any) -> Any:
            kept = stdin.decode().splitlines()
            self.lines += kept[1:] if self.standing and self.world.loses_lines else kept
            return SimpleNamespace(ok=True)

        return SimpleNamespace(exec=exec)

    def published(self, *_: Any) -> tuple[str, int]:
        """Where the exporter is."""
        return "127.0.0.1", 1

    def scraped(self, *_: Any, **__: Any) -> Any:
        """What the exporter answers."""
        if self.standing and self.world.hangs:
            raise requests.ReadTimeout
        lines = [f'monero_wallet_up{{wallet_name="{name}"}} {int(name not in self.silent_now)}' for name in WALLETS]
        return SimpleNamespace(text="\n".join(["# TYPE monero_wallet_up gauge", *lines, ""]))

    def order(self, *_: Any, **__: Any) -> Any:
        """What becomes of an order."""
        how = self.world.orders if self.standing else "taken"
        if how == "refused":
            raise Refused("ordering", 503, "wallets_unavailable", 1.0)
        if how == "hanging":
            raise Unanswered("ordering: no answer")
        return SimpleNamespace(id="o")

    def _targets(self) -> list[Any]:
        lost = self.world.blind if self.engine.broken else ()
        return [SimpleNamespace(job=name, is_up=name not in lost) for name in ("loki", "server")]

    def _alerts(self) -> list[Any]:
        firing = self.engine.broken and self.world.fires
        state = "firing" if firing else "pending" if self.standing and not self.world.unseen else ""
        return [SimpleNamespace(name="ServiceDown", state=state, labels={"service": "loki"})] if state else []

    def _found(self, *_: Any, **__: Any) -> list[Any]:
        return [SimpleNamespace(text=line) for line in self.lines]

    def _told(self, *_: Any, **__: Any) -> list[Any]:
        told = [] if self.world.loses_alert or self.standing else self.raised
        return [(datetime.now(UTC), SimpleNamespace(labels=labels)) for labels in told]


@pytest.fixture(autouse=True)
def harbours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: list[Harbour] = []

    def make(root: Path, world: Sea) -> Harbour:
        made.append(Harbour(root, world))
        return made[-1]

    def market(*_: Any, **__: Any) -> Any:
        return SimpleNamespace(
            register=lambda *_: None,
            login=lambda *_: SimpleNamespace(token="t"),
            list_for_sale=lambda *_, **__: SimpleNamespace(id="l"),
            order=lambda *_, **__: made[-1].order(),
            close=lambda: None,
        )

    monkeypatch.setattr("tests.chaos.marketplace.Marketplace", make)
    monkeypatch.setattr("chaos.errands.readiness._said", lambda stack: stack.ready())
    monkeypatch.setattr("chaos.errands.order.Market", market)
    monkeypatch.setattr("chaos.errands.alert._failed", lambda _stack: 0.0)
    monkeypatch.setattr(requests, "get", lambda *_, **__: made[-1].scraped())
    yield


SOUND = {
    "EXP-NET-010": Sea(),
    "EXP-NET-011": Sea(),
    "EXP-NET-012": Sea(),
    "EXP-NET-013": Sea(standing=AWAY),
    "EXP-EDG-030": Sea(),
    "EXP-SRV-030": Sea(silent=WALLETS),
    "EXP-WAL-030": Sea(silent=("buyer",), orders="refused"),
    "EXP-WAL-031": Sea(silent=WALLETS),
    "EXP-MON-030": Sea(),
    "EXP-LOG-030": Sea(),
    "EXP-ALR-030": Sea(),
    "EXP-EXT-030": Sea(silent=("vendor",)),
}

LOST = "the edge serves /api/listings: not for .* allowed 0 s"
BROKEN = [
    ("EXP-NET-010", Sea(standing=AWAY), "the edge serves /api/listings: not for .* allowed 0.6 s .*502"),
    ("EXP-NET-010", Sea(lost="nginx"), "not steady again after the revert .*nginx is unhealthy"),
    ("EXP-NET-011", Sea(standing={LISTINGS: SILENT}), f"{LOST} .*ReadTimeout"),
    ("EXP-NET-012", Sea(standing={LISTINGS: 504}), f"{LOST} .*504"),
    ("EXP-NET-013", Sea(standing={LISTINGS: SILENT}), "during .*with 502 or 503: .*ReadTimeout"),
    ("EXP-NET-013", Sea(standing=AWAY, after=AWAY), "not steady again after the revert within 1 s: .*502"),
    ("EXP-NET-013", Sea(standing=AWAY, loses=1), "1 lost"),
    ("EXP-EDG-030", Sea(standing=AWAY), f"{LOST} .*502"),
    (
        "EXP-SRV-030",
        Sea(silent=WALLETS, standing={"/health": SILENT}),
        "the edge serves /health: not for .*ReadTimeout",
    ),
    ("EXP-SRV-030", Sea(silent=WALLETS, stays_silent=True), "not steady again .*silent: arbiter, buyer, vendor"),
    ("EXP-WAL-030", Sea(silent=("buyer",), orders="taken"), "an order is refused with 503: order o was taken"),
    ("EXP-WAL-030", Sea(silent=("buyer",), orders="hanging"), "an order is refused with 503: ordering: no answer"),
    ("EXP-WAL-030", Sea(orders="refused"), "degraded, and names buyer: /ready says ready, silent: nobody"),
    ("EXP-WAL-030", Sea(silent=("buyer",), orders="refused", standing=AWAY), f"{LOST} .*502"),
    ("EXP-WAL-031", Sea(silent=("buyer",)), "names arbiter, buyer, vendor: /ready says degraded, silent: buyer"),
    ("EXP-WAL-031", Sea(silent=WALLETS, stays_silent=True), "not steady again .*silent: arbiter, buyer, vendor"),
    ("EXP-MON-030", Sea(blind=("loki",)), "not steady again .*no scrape of loki"),
    ("EXP-MON-030", Sea(unseen=True), "would fire if it went on: ServiceDown is neither pending nor firing"),
    ("EXP-MON-030", Sea(fires=True), "ServiceDown does not fire: .*ServiceDown fires about loki"),
    ("EXP-LOG-030", Sea(loses_lines=True), "not steady again .*1 of 10 lines are missing, the first is number 5"),
    ("EXP-ALR-030", Sea(loses_alert=True), "not steady again .*the alert raised at .* did not arrive"),
    ("EXP-EXT-030", Sea(silent=("vendor",), hangs=True), "vendor down and the others up: .*ReadTimeout"),
    ("EXP-EXT-030", Sea(silent=("vendor", "buyer")), "the exporter tells buyer, vendor down of arbiter, buyer, vendor"),
    ("EXP-EXT-030", Sea(silent=("vendor",), stays_silent=True), "not steady again .*tells vendor down"),
]


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an experiment remembers of a project of an earlier test is not this test's."""
    for id in SOUND:
        experiment = EVERY[id]
        for probe in (*experiment.steady_state, *experiment.during):
            owner = getattr(probe.complaint, "__self__", None)
            for name in ("_logged", "_raised", "_known", "_people"):
                if isinstance(getattr(owner, name, None), dict):
                    getattr(owner, name).clear()


@pytest.mark.parametrize("id", sorted(SOUND))
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, SOUND[id], tmp_path)

    assert verdict.outcome is Outcome.HELD, verdict.reason


@pytest.mark.parametrize(("id", "world", "says"), BROKEN)
def test_it_fails_where_its_hypothesis_is_false(id: str, world: Sea, says: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, world, tmp_path)

    assert verdict.outcome is Outcome.BROKEN, verdict.reason
    assert re.search(says, verdict.reason), verdict.reason


@pytest.mark.parametrize("id", sorted(id for id in SOUND if EVERY[id].users is not None))
def test_customers_who_are_not_served_for_too_long_break_it(id: str, tmp_path: Path) -> None:
    longer = EVERY[id].users.total_seconds() + 1.0  # type: ignore[union-attr]

    verdict = verdict_on(id, SOUND[id], tmp_path, customers=Met("502", seconds=longer))

    assert verdict.outcome is Outcome.BROKEN, verdict.reason
    assert "customers" in verdict.reason
    assert SERVED.between(0, 1).requests


def test_who_orders_is_registered_once_and_a_refusal_of_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    patience: set[float] = set()

    def market(*_: Any, patience_seconds: float) -> Any:
        patience.add(patience_seconds)

        def register(name: str, _password: str) -> None:
            names.append(name)
            raise Refused("registering", 429, "too_many", 1.0)

        return SimpleNamespace(register=register, close=lambda: None)

    monkeypatch.setattr("chaos.errands.order.Market", market)
    verdict = verdict_on("EXP-WAL-030", SOUND["EXP-WAL-030"], tmp_path)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert re.search(
        "not steady beforehand, .*an order is taken: registering was refused with status 429", verdict.reason
    )
    assert len(names) > 1
    assert len(set(names)) == 1
    assert patience == {15.0}
