"""The experiments of the families data and configuration on a pretended marketplace: each holds, and each is seen to fail."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chaos.experiment import Outcome
from stack.completed import Completed
from stack.errors import CannotTell
from tests.chaos import marketplace
from tests.chaos.marketplace import LISTINGS, SILENT, World, verdict_on
from tests.chaos.test_container_experiments import AWAY, CLOSED, Keeps, Shop, told


@dataclass(frozen=True)
class Odd(World):
    """A world in which one thing is not as the hypothesis says while the fault stands."""

    wrong: str = ""


LAST_WORDS = """
/data/market.db does not open with the key given.
/data/market.db ends at write 3, and customers were answered for writes up to 9: its write-ahead log is missing.
E Wallet initialization failed: basic_string::_M_replace_aux
E Wallet initialization failed: invalid password
"""


GROUP_WAIT = timedelta(seconds=5)
"""Of critical alerts (stack/config/alertmanager)."""


class Market(Shop):
    """The pretended shop, whose services say of themselves what is told of the real ones, unless the world is odd."""

    def __init__(self, root: Path, world: World) -> None:
        """All well."""
        super().__init__(root, world)
        self.wrong = getattr(world, "wrong", "")
        self.serial = 0
        self.engine.logs = lambda _id, **_options: "" if self.wrong == "says nothing" else LAST_WORDS  # type: ignore[attr-defined]
        self.prometheus = SimpleNamespace(query=self._measured, firing=self._firing)
        self.alertmanager = SimpleNamespace(post=self._post, silences=self._silenced, alerts=self._held)

    def container(self, service: str) -> Any:
        """With the time of its start: another one each time where it is always started anew."""
        self.serial += 1
        state = {"StartedAt": f"start {self.serial if self.wrong == 'started anew' else 0}"}
        return SimpleNamespace(exec=super().container(service).exec, attrs={"State": state})

    def wallet(self, name: str) -> Any:
        """A wallet that may be drawn into what is wrong with its neighbour."""
        if self.wrong == "wallets mute" and self._standing():
            raise CannotTell(f"wallet {name} does not answer")
        return super().wallet(name)

    def metrics(self) -> str:
        """Of every service in one."""
        bad = int(self._standing() and self.wrong != "metrics")
        wallets = {"buyer": 1, "vendor": 1 - bad, "arbiter": 1}
        return "\n".join(
            [
                f"prometheus_tsdb_wal_corruptions_total {bad}",
                f"node_textfile_scrape_error {bad}",
                'seatrial_backup_last_run_success{backup="wallet-buyer"} 1',
                f'alertmanager_silences{{state="active"}} {bad}',
                *(f'monero_wallet_up{{wallet_name="{name}"}} {up}' for name, up in wallets.items()),
            ]
        )

    def _get(self, path: str) -> Any:
        if path == "/health" and self._standing() and self.refuses and self.wrong != "taken":
            raise requests.exceptions.SSLError("certificate verify failed: certificate has expired")
        return super()._get(path)

    refuses = False
    """Whether it is the certificate that is wrong."""

    def _exec(self, argv: list[str], stdin: bytes) -> Completed:
        if argv[0] == "od":
            frames, in_file = {"in the file": (70, 70), "nearly full": (990, 0)}.get(self.wrong, (70, 53))
            words = [0, 0, 0, 0, frames, *[0] * 19, in_file]
            return Completed(tuple(argv), 0, " ".join(map(str, words)), "", 0.0)
        words = "db-1.gpg: the archive is missing\ndb-1.gpg: is missing or not of its stated size"
        if self._standing() and argv[0] == "python":
            if "backup-database" in argv:
                return Completed(tuple(argv), int(self.wrong == "no more backups"), "", "", 0.0)
            found = self.wrong != "unnoticed"
            return Completed(tuple(argv), int(found), words if found else "", "", 0.0)
        return super()._exec(argv, stdin)

    def _post(self, labels: dict[str, str], annotations: dict[str, str], *, lasting: Any) -> None:
        if labels["alertname"] == "ServiceDown":
            self.lasting = lasting
        super()._post(labels, annotations, lasting=lasting)

    def _query(self, query: str, *, start: datetime) -> list[Any]:
        mark = query.split('"')[-2]
        hidden = self._standing() and self.wrong == "lines"
        found = [line for line, meanwhile in self.lines if line.startswith(mark) and not (hidden and meanwhile)]
        return [SimpleNamespace(text=line) for line in found]

    def _measured(self, _expression: str) -> list[float]:
        return [1.0] if self._standing() and self.wrong != "not known" else []

    def _firing(self) -> set[str]:
        return {"ServiceDown"} if self.wrong == "no watchdog" else {"Watchdog"}

    def _silenced(self) -> list[Any]:
        one = SimpleNamespace(
            id="s1", matchers={}, is_active=True, author="seatrial", comment="", ends_at=datetime.now(UTC)
        )
        return [one] if self._standing() else []

    def _held(self, *_matchers: str) -> list[Any]:
        shown = self.wrong != "not shown"
        return [SimpleNamespace(state="suppressed" if shown else "active", silenced_by=("s1",) if shown else ())]

    def _alerts(self, since: datetime, *, name: str) -> list[tuple[datetime, Any]]:
        arrived = super()._alerts(since, name=name)
        if name == "ServiceDown":
            # What has ended when its group's turn comes is told to nobody, silenced or not.
            return arrived if self.wrong == "told" and self.lasting > GROUP_WAIT else []
        return [] if self.wrong == "others untold" else arrived


@pytest.fixture(autouse=True)
def _market(monkeypatch: pytest.MonkeyPatch) -> None:
    markets: list[Market] = []

    def opened(root: Path, world: World) -> Market:
        markets.append(Market(root, world))
        markets[-1].refuses = "046" in root.name
        return markets[-1]

    def get(url: str, **_options: Any) -> Any:
        return SimpleNamespace(ok=True, status_code=200, url=url, text=markets[-1].metrics())

    real = marketplace._Engine.inspect

    def inspect(self: Any, container_id: str) -> dict[str, Any]:
        found = real(self, container_id)
        found["State"]["StartedAt"] = "2026-11-24T14:00:00.123456789Z"
        return found

    monkeypatch.setattr(marketplace._Engine, "inspect", inspect)
    monkeypatch.setattr(marketplace, "Marketplace", opened)
    monkeypatch.setattr("chaos.errands.alert._failed", lambda _stack: 0.0)
    monkeypatch.setattr(requests, "get", get)


SOUND = {
    "EXP-SRV-040": World(standing=AWAY),
    "EXP-SRV-041": World(standing=AWAY),
    "EXP-EDG-047": World(standing=AWAY),
}
"""What is meant to be wrong while the fault stands; the other experiments allow nothing."""

SERVES_ON = "the edge answers /api/listings with 502 or 503 or 504: GET /api/listings: 200"
BROKEN: list[tuple[str, World, str]] = [
    ("EXP-SRV-040", World(), SERVES_ON),
    ("EXP-SRV-040", Odd(standing=AWAY, wrong="says nothing"), "server-blue refuses, .*server-blue says 'nothing'"),
    ("EXP-SRV-040", World(standing=AWAY, loses=1), "of .* acknowledged writes: 1 lost"),
    ("EXP-SRV-041", World(), SERVES_ON),
    ("EXP-SRV-041", Odd(standing=AWAY, wrong="says nothing"), "server-blue refuses, .*expected 'customers were answered"),
    ("EXP-SRV-041", World(standing=AWAY, loses=2), "of .* acknowledged writes: 2 lost"),
    ("EXP-WAL-042", Odd(wrong="says nothing"), "arbiter refuses, .*expected 'Wallet initialization failed'"),
    ("EXP-WAL-042", Odd(wrong="wallets mute"), "wallet vendor answers: wallet vendor does not answer"),
    ("EXP-WAL-042", Keeps(forgets="escrow"), "wallet arbiter is not ready for two of three"),
    ("EXP-WAL-042", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    ("EXP-WAL-048", Odd(wrong="says nothing"), "arbiter refuses, .*expected 'invalid password'"),
    ("EXP-WAL-048", Keeps(forgets="wallet"), "wallet arbiter has address another…"),
    ("EXP-WAL-048", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    ("EXP-MON-043", Odd(wrong="metrics"), "its log was damaged: prometheus_tsdb_wal_corruptions_total is 0, expected 1"),
    ("EXP-MON-043", Odd(wrong="no watchdog"), "the alert that always fires does: firing are ServiceDown"),
    ("EXP-MON-043", World(lost="prometheus"), "prometheus is unhealthy"),
    ("EXP-LOG-044", Odd(wrong="lines"), "each once: 5 of 10 lines are missing, the first is number 5"),
    ("EXP-LOG-044", World(lost="promtail"), "promtail is unhealthy"),
    ("EXP-BAK-045", Odd(wrong="unnoticed"), "verify-backups names it: verify-backups ended with 0"),
    ("EXP-BAK-045", Odd(wrong="no more backups"), "a backup of the database is made: exit code 1"),
    ("EXP-BAK-045", Keeps(forgets="backup"), "every backup of the database that is offered is whole"),
    ("EXP-EXT-040", Odd(wrong="metrics"), "a file can't be read, .*: node_textfile_scrape_error is 0, expected 1"),
    ("EXP-EXT-040", CLOSED, "the edge serves /api/listings: not for .* allowed 0 s"),
    ("EXP-EXT-041", Odd(wrong="metrics"), 'monero_wallet_up{wallet_name="vendor"} is 1, expected 0'),
    ("EXP-EXT-041", Odd(wrong="wallets mute"), "wallet vendor answers: wallet vendor does not answer"),
    ("EXP-EDG-046", Odd(wrong="taken"), "clients refuse the certificate as expired: a client took the certificate and got 200"),
    ("EXP-EDG-046", Odd(wrong="not known"), "the monitoring knows that it ran out: no series has"),
    ("EXP-EDG-046", World(after={"/health": SILENT}), "not steady again after the revert within 1 s"),
    ("EXP-EDG-047", World(standing={LISTINGS: SILENT}), "the edge answers /api/listings with 502 or 503: .*ReadTimeout"),
    ("EXP-EDG-047", World(standing={**AWAY, "/edge-health": SILENT}), "the edge answers /edge-health with 404"),
    ("EXP-EDG-047", World(standing=AWAY, after=AWAY), "not steady again after the revert within 1 s: .*502"),
    ("EXP-ALR-049", Odd(wrong="not shown"), "ServiceDown is held and shown as silenced: it is active, silenced by nobody"),
    ("EXP-ALR-049", Odd(wrong="told"), "nobody is told of ServiceDown: it was told at"),
    ("EXP-ALR-049", Odd(wrong="others untold"), "what was raised is told: the alert raised at .* did not arrive"),
    ("EXP-ALR-049", Odd(wrong="metrics"), "the silence is counted: .* is 0, expected 1"),
]  # fmt: skip
IDS = sorted({id for id, _, _ in BROKEN})


def _folder(root: Path, id: str) -> Path:
    """Named after the experiment, since a probe looks a project's edge up once."""
    folder = root / f"{id.lower()}-{root.name}"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("id", IDS)
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    verdict = verdict_on(id, SOUND.get(id, World()), _folder(tmp_path, id))

    assert verdict.outcome is Outcome.HELD, told(verdict)


@pytest.mark.parametrize(
    ("id", "world", "says"), BROKEN, ids=[f"{id} {number}" for number, (id, _, _) in enumerate(BROKEN)]
)
def test_it_fails_where_its_hypothesis_is_false(
    id: str, world: World, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(world, Odd | Keeps):
        # What is odd does not get better: it need not be waited for.
        monkeypatch.setattr(marketplace, "FASTER", 0.02)

    verdict = verdict_on(id, world, _folder(tmp_path, id))

    assert verdict.outcome is Outcome.BROKEN, told(verdict)
    assert re.search(says, verdict.reason), told(verdict)


def test_an_alert_that_ended_by_itself_is_no_alert_that_was_kept_from_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaos.errands.muted._LASTING", timedelta(0))

    verdict = verdict_on("EXP-ALR-049", World(), _folder(tmp_path, "EXP-ALR-049"))

    assert verdict.outcome is Outcome.INCONCLUSIVE, told(verdict)
    assert "ServiceDown ended by itself" in verdict.reason


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("in the file", "all 70 frames of /data/market.db-wal are in the file too"),
        ("nearly full", "/data/market.db-wal is 990 frames long and is about to be moved into the file"),
    ],
)
def test_a_log_that_may_hold_nothing_of_its_own_is_not_lost(
    wrong: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marketplace, "FASTER", 0.02)

    verdict = verdict_on("EXP-SRV-041", Odd(standing=AWAY, wrong=wrong), _folder(tmp_path, "EXP-SRV-041"))

    assert verdict.outcome is Outcome.INCONCLUSIVE, told(verdict)
    assert verdict.reason.endswith(says)
    assert not verdict.bands
