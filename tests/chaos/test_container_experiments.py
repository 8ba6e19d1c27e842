"""The experiments of the container family on a pretended marketplace: each holds, and each fails where something was not kept."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chaos.experiment import Outcome, Verdict
from stack.completed import Completed
from tests.chaos import marketplace
from tests.chaos.marketplace import EVERY, LISTINGS, SILENT, Marketplace, Met, World, verdict_on

AWAY = {LISTINGS: 502}
CLOSED = World(standing=AWAY, after=AWAY, limps=15)
"""The shop is closed while the fault stands and for long enough after it that somebody is sure to have asked meanwhile."""


@dataclass(frozen=True)
class Keeps(World):
    """A world that may forget, once something was broken, what this names."""

    forgets: str = ""


class Shop(Marketplace):
    """The marketplace with an Alertmanager, a log store, backups, wallets with an identity, and metrics."""

    def __init__(self, root: Path, world: World) -> None:
        """All well, nothing handed in yet."""
        super().__init__(root, world)
        self.forgets = getattr(world, "forgets", "")
        self.failed = 0.0
        self.looks = 0
        self.posted: list[tuple[float, dict[str, str]]] = []
        self.set: dict[str, Any] = {}
        self.lines: list[tuple[str, bool]] = []
        self.alertmanager = SimpleNamespace(post=self._post, silences=self._silences, silence=self._silence)
        self.receiver = SimpleNamespace(alerts=self._alerts)
        self.loki = SimpleNamespace(query_range=self._query)
        self.prometheus = SimpleNamespace(value=lambda _query, at: None if self._forgot("samples") else 19.0)

    @staticmethod
    def made_at(look: int) -> str:
        """What the folder of backups holds: one is in the making at every other look."""
        return "db-1.gpg\n.making-db-2.gpg\n" if look % 2 == 0 else "db-1.gpg\n"

    def _standing(self) -> bool:
        return self.engine.broken and self.engine.ended is None

    def _forgot(self, what: str) -> bool:
        return self.engine.broken and not self._standing() and self.forgets == what

    def container(self, service: str) -> Any:
        """A container in which commands run."""
        return SimpleNamespace(exec=lambda argv, **options: self._exec(argv, options.get("stdin") or b""))

    def published(self, service: str, _port: int) -> tuple[str, int]:
        """Where `requests.get` is answered by the test."""
        return service, 1

    def wallet(self, name: str) -> Any:
        """A wallet with an identity and a chain."""
        ready = not self._forgot("escrow")
        return SimpleNamespace(
            height=lambda: 1 if self._forgot("chain") else 100,
            address=lambda: "another" if self._forgot("wallet") else "A" * 20,
            is_multisig=lambda: {"multisig": ready, "ready": ready},
            refresh=lambda: 0,
        )

    def _exec(self, argv: list[str], stdin: bytes) -> Completed:
        if argv[0] == "ls":
            self.looks += 1
            return Completed(tuple(argv), 0, self.made_at(self.looks), "", 0.0)
        if argv[0] == "tee":
            self.lines += [(line, self._standing()) for line in stdin.decode().splitlines()]
        spoiled = ("backup" in argv[3:4][0] if argv[3:] else False) and self._standing()
        half = "verify-backups" in argv and self._forgot("backup")
        never = "backup-database" in argv and self._forgot("backups for good")
        code = 137 if spoiled and "verify-backups" not in argv else 1 if half or never else 0
        return Completed(tuple(argv), code, "", "db-1.gpg: is 10 bytes, expected 20" if code else "", 0.0)

    def _query(self, query: str, *, start: datetime) -> list[Any]:
        assert start.tzinfo is UTC
        mark = query.split('"')[-2]
        found = [(line, meanwhile) for line, meanwhile in self.lines if line.startswith(mark)]
        if self._standing() or self._forgot("lines"):
            found = [one for one in found if not one[1]]
        if self._forgot("that it had them"):
            found += found
        return [SimpleNamespace(text=line) for line, _ in found]

    def _post(self, labels: dict[str, str], _annotations: dict[str, str], *, lasting: Any) -> None:
        self.posted.append((time.monotonic(), labels))

    def _alerts(self, _since: datetime, *, name: str) -> list[tuple[datetime, Any]]:
        told = [] if self._forgot("alerts") else self.posted
        return [
            (datetime.now(UTC), SimpleNamespace(labels=labels)) for _, labels in told if labels["alertname"] == name
        ]

    def _silences(self) -> list[Any]:
        return [] if self._forgot("silences") else list(self.set.values())

    def _silence(self, matchers: dict[str, str], **_options: Any) -> str:
        self.set["s1"] = SimpleNamespace(id="s1", matchers=matchers, is_active=True)
        return "s1"


@pytest.fixture(autouse=True)
def _shop(monkeypatch: pytest.MonkeyPatch) -> None:
    shops: list[Shop] = []

    def opened(root: Path, world: World) -> Shop:
        shops.append(Shop(root, world))
        return shops[-1]

    def failed(stack: Shop) -> float:
        stack.failed += 0.0 if stack.forgets == "to try" else 1.0
        return stack.failed

    def get(url: str, **_options: Any) -> Any:
        if shops[-1]._forgot("numbers"):
            raise requests.ConnectionError
        return SimpleNamespace(ok=True, status_code=200, url=url)

    monkeypatch.setattr(marketplace, "Marketplace", opened)
    monkeypatch.setattr("chaos.errands.alert._failed", failed)
    monkeypatch.setattr(requests, "get", get)


SOUND: dict[str, World] = {
    "EXP-SRV-002": World(after=AWAY, limps=1),
    "EXP-SRV-003": World(standing=AWAY),
    "EXP-EDG-002": World(after={LISTINGS: SILENT, "/health": SILENT}, limps=1),
}
"""What is allowed to be wrong for a while; the other experiments allow nothing."""

BROKEN: list[tuple[str, World, str]] = [
    ("EXP-SRV-002", World(after=AWAY, limps=25), "the edge serves /api/listings: not for .* allowed 1.5 s"),
    ("EXP-SRV-002", World(loses=1), "of .* acknowledged writes: 1 lost"),
    ("EXP-SRV-002", World(lost="server-blue"), "not steady again by itself within 3 s: .*server-blue is unhealthy"),
    ("EXP-SRV-003", World(loses=2), "of .* acknowledged writes: 2 lost"),
    (
        "EXP-SRV-003",
        World(standing={"/edge-health": SILENT}),
        "during .*: the edge answers /edge-health with 404: .*ReadTimeout",
    ),
    ("EXP-SRV-003", World(after=AWAY, limps=60), "not steady again after the revert within 1.5 s: .*502"),
    (
        "EXP-EDG-002",
        World(after={LISTINGS: SILENT}, limps=17),
        "the edge serves /api/listings: not for .* allowed 1 s",
    ),
    ("EXP-EDG-002", World(lost="nginx"), "not steady again by itself .*nginx is unhealthy"),
    ("EXP-CHN-001", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s .*502"),
    (
        "EXP-CHN-001",
        World(standing={"/health": SILENT}),
        "the edge serves /health: not for .* allowed 0 s .*ReadTimeout",
    ),
    ("EXP-CHN-002", Keeps(forgets="chain"), "wallet buyer sees the chain it saw: the chain is 1 blocks long, was 100"),
    ("EXP-CHN-002", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    (
        "EXP-WAL-002",
        Keeps(forgets="wallet"),
        "not steady again by itself .*wallet buyer has address another…, had AAAAAAAAAAAA…",
    ),
    ("EXP-WAL-002", Keeps(forgets="escrow"), "not steady again by itself .*wallet buyer is not ready for two of three"),
    ("EXP-WAL-002", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    (
        "EXP-BAK-001",
        Keeps(forgets="backup"),
        "every backup of the database that is offered is whole: verify-backups, exit code 1: db-1.gpg",
    ),
    ("EXP-BAK-001", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    ("EXP-ALR-001", Keeps(forgets="alerts"), "what was raised is told: the alert raised at .* did not arrive"),
    ("EXP-ALR-001", Keeps(forgets="to try"), "Alertmanager tries in vain to tell somebody: no message failed yet"),
    ("EXP-ALR-001", World(lost="alert-receiver"), "alert-receiver is unhealthy"),
    ("EXP-ALR-002", Keeps(forgets="silences"), "Alertmanager keeps its silences: silence s1 is forgotten"),
    ("EXP-ALR-002", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    ("EXP-LOG-001", Keeps(forgets="lines"), "each once: 5 of 10 lines are missing, the first is number 5"),
    (
        "EXP-LOG-001",
        Keeps(forgets="that it had them"),
        "each once: 10 of 10 lines are there twice, the first is number 0",
    ),
    ("EXP-LOG-002", Keeps(forgets="lines"), "each once: 5 of 10 lines are missing, the first is number 5"),
    ("EXP-LOG-002", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    (
        "EXP-EXT-001",
        Keeps(forgets="numbers"),
        "not steady again by itself .*the exporter tells its numbers: .*ConnectionError",
    ),
    ("EXP-EXT-001", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    ("EXP-MON-002", Keeps(forgets="samples"), "Prometheus knows what it measured before: Prometheus has no samples of"),
    ("EXP-MON-002", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
]
IDS = sorted({id for id, _, _ in BROKEN})


def told(verdict: Verdict) -> str:
    return verdict.reason + "".join(f"\n{line.at_seconds:.2f} {line.step}: {line.text}" for line in verdict.lines)


@pytest.mark.parametrize("id", IDS)
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, SOUND.get(id, World()), tmp_path)

    assert verdict.outcome is Outcome.HELD, told(verdict)


@pytest.mark.parametrize(
    ("id", "world", "says"), BROKEN, ids=[f"{id} {number}" for number, (id, _, _) in enumerate(BROKEN)]
)
def test_it_fails_where_its_hypothesis_is_false(
    id: str, world: World, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(world, Keeps):
        monkeypatch.setattr(
            marketplace, "FASTER", 0.03
        )  # what is forgotten does not come back: it need not be waited for

    verdict = verdict_on(id, world, tmp_path)

    assert verdict.outcome is Outcome.BROKEN, told(verdict)
    assert re.search(says, verdict.reason), told(verdict)


PROMISED = sorted(id for id in IDS if EVERY[id].users is not None)


@pytest.mark.parametrize("id", PROMISED)
def test_customers_that_are_promised_something_are_asked(id: str, tmp_path: Path) -> None:
    allowed = EVERY[id].users
    assert allowed is not None
    # It stands long enough for the outage to lie in its middle.
    standing = replace(EVERY[id], hold=timedelta(seconds=30))
    met = Met("502", seconds=allowed.total_seconds() + 4)

    verdict = verdict_on(standing, SOUND.get(id, World()), tmp_path, customers=met)

    assert verdict.outcome is Outcome.BROKEN, told(verdict)
    assert "customers: not served for" in verdict.reason


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ("db-1.gpg", "nothing in /backups/database is being made"),
        (".making-db-2.gpg", ".making-db-2.gpg has been in the making for a while"),
    ],
)
def test_a_backup_service_is_not_killed_before_a_backup_has_begun(
    made: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marketplace, "FASTER", 0.02)
    monkeypatch.setattr(Shop, "made_at", staticmethod(lambda _look: made))

    verdict = verdict_on("EXP-BAK-001", World(), tmp_path)

    assert verdict.outcome is Outcome.INCONCLUSIVE, told(verdict)
    assert verdict.reason.endswith(says)
    assert not verdict.bands
