"""Each experiment of a shortage, as it stands, on a pretended marketplace: it holds, and it fails where its hypothesis is false."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from chaos.experiment import Outcome, Verdict
from stack.completed import Completed
from stack.errors import CannotTell
from tests.chaos import marketplace
from tests.chaos.marketplace import LISTINGS, SILENT, Met, World, verdict_on

AWAY = {LISTINGS: 502}


WRITE_LOCK = "1: POSIX  ADVISORY  WRITE 7 fe:00:1234 120 120"
"""As the kernel lists it (proc_locks(5))."""


@dataclass(frozen=True)
class Business:
    """What besides the edge's pages is other than it should be, while a fault stands and afterwards."""

    sells: int = 201
    """How a listing is answered while the fault stands."""
    sells_after: int = 201
    session: int = 200
    """How the holder of an old session is answered while the fault stands."""
    held: int = 1
    """Whether the server has the escrows' lease, from the fault on."""
    metrics: float | None = 20.0
    """What a query of the metrics says while the fault stands."""
    lines: tuple[str, ...] = ("a line",)
    """What a search of the logs finds while the fault stands."""
    starts_anew: bool = False
    """Whether what is short of something is started anew, and is well."""
    locked: bool = True
    """Whether the database is locked for as long as somebody waits for an answer."""
    numbers: int = 200
    """How the exporter answers a scrape while the fault stands."""


class Shop(marketplace.Marketplace):
    """The pretended marketplace, where things are sold, metrics queried and logs searched too."""

    business = Business()
    latest: Shop

    def __init__(self, root: Path, world: World) -> None:
        super().__init__(root, world)
        type(self).latest = self
        pages = self.edge

        @contextmanager
        def browsing(**_options: Any) -> Iterator[Any]:
            with pages.session() as session:
                yield session

        def session(**options: Any) -> Any:
            if options:
                return browsing(**options)
            return SimpleNamespace(request=self._asked, cookies=SimpleNamespace(clear=lambda: None), close=lambda: None)

        self.edge = SimpleNamespace(session=session)
        self.prometheus = SimpleNamespace(value=lambda _query: self._while(self.business.metrics, 20.0))
        self.profile = SimpleNamespace(database=SimpleNamespace(service="server-blue", path="/data/market.db"))
        self.engine.helpers = self._helpers  # type: ignore[method-assign]
        self.engine.exec = lambda _id, _argv: Completed(("cat",), 0, WRITE_LOCK, "", 0.0)  # type: ignore[attr-defined]
        self.loki = SimpleNamespace(
            query_range=lambda _query, **_options: list(self._while(self.business.lines, ("a line",)))
        )

    def _helpers(self, **labels: str) -> list[dict[str, Any]]:
        locks = "database_locked" in labels.get("seatrial.fault", "") and self._while(self.business.locked, False)
        return [{"Id": "helper", "State": "running"}] if locks else []

    def container(self, _service: str) -> Any:
        """One whose server tells its metrics."""
        held = self.business.held if self.engine.broken else 1
        told = Completed(("curl",), 0, f"escrow_lease_held {held}.0\n", "", 0.0)
        day = 2 if self.business.starts_anew and self.engine.broken else 1
        return SimpleNamespace(exec=lambda _argv: told, attrs={"State": {"StartedAt": f"2026-01-0{day}T00:00:00Z"}})

    def published(self, service: str, port: int) -> tuple[str, int]:
        """Where a service's port would be."""
        return service, port

    def got(self, _url: str, **_options: Any) -> requests.Response:
        """The exporter's answer."""
        return _response(self._while(self.business.numbers, 200), {})

    def _while(self, standing: Any, otherwise: Any) -> Any:
        return standing if self.engine.broken and self.engine.ended is None else otherwise

    def _asked(self, method: str, path: str, **_options: Any) -> requests.Response:
        if method == "GET":
            return _response(self._while(self.business.session, 200), {"items": [], "next_page": None})
        if path.endswith("/listings"):
            after = self.business.sells_after if self.engine.ended is not None else 201
            return _response(self._while(self.business.sells, after), _THING)
        return _response(201, _THING)


_THING = {
    "id": "1", "account_id": "1", "sequence": 1, "token": "t", "expires_at": 2.0, "vendor_id": "1", "title": "Sextant",
    "description": "", "price_piconero": 1, "error": {"code": "unavailable"},
}  # fmt: skip


def _response(status: int, body: dict[str, Any]) -> requests.Response:
    answer = requests.Response()
    answer.status_code = status
    answer._content = json.dumps(body).encode()
    return answer


SOUND: dict[str, tuple[World, Business]] = {
    "EXP-EDG-020": (World(standing={LISTINGS: SILENT, "/health": SILENT}), Business()),
    "EXP-SRV-021": (World(), Business(sells=503)),
    "EXP-SRV-022": (World(after=AWAY, limps=2), Business()),
    "EXP-SRV-023": (World(), Business(sells=507)),
}
"""What is allowed to be wrong for a while; the other experiments allow nothing."""

BROKEN: list[tuple[str, World, Business, str]] = [
    ("EXP-CHN-020", World(mute="buyer"), Business(), "during .*: wallet buyer answers: wallet buyer does not answer"),
    (
        "EXP-CHN-020",
        World(standing={LISTINGS: 504}, after={LISTINGS: 504}),
        Business(),
        "the edge serves /api/listings: not for .* allowed 0.8 s .*504",
    ),
    ("EXP-CHN-020", World(lost="monerod"), Business(), "not steady again after the revert .*monerod is unhealthy"),
    ("EXP-EDG-020", World(lost="nginx"), Business(), "not steady again after the revert .*nginx is unhealthy"),
    ("EXP-EDG-020", World(), Business(starts_anew=True), "nginx was not started anew: nginx was started at"),
    ("EXP-EXT-020", World(), Business(starts_anew=True), "monero-exporter was started at"),
    ("EXP-MON-020", World(), Business(starts_anew=True), "prometheus was started at"),
    ("EXP-EDG-020", World(after=AWAY), Business(), "not steady again after the revert within 1 s: .*502"),
    (
        "EXP-EXT-020",
        World(),
        Business(numbers=500),
        "during .*: the exporter tells its numbers within eight seconds: .*500",
    ),
    ("EXP-EXT-020", World(lost="monero-exporter"), Business(), "not steady again .*monero-exporter is unhealthy"),
    ("EXP-EXT-020", World(standing=AWAY), Business(), "the edge serves /api/listings: not for .* allowed 0 s .*502"),
    ("EXP-LOG-020", World(lost="loki"), Business(), "not steady again by itself within 3 s: .*loki is unhealthy"),
    ("EXP-LOG-020", World(after=AWAY), Business(), "the edge serves /api/listings: not for .* allowed 0 s .*502"),
    (
        "EXP-LOG-021",
        World(),
        Business(lines=()),
        "during .*: the logs can be searched: the search finds no line at all",
    ),
    (
        "EXP-LOG-021",
        World(standing={LISTINGS: SILENT}),
        Business(),
        "the edge serves /api/listings: not for .* allowed 0 s",
    ),
    (
        "EXP-MON-020",
        World(),
        Business(metrics=None),
        "during .*: a query of the metrics is answered: no target is seen to be up",
    ),
    ("EXP-MON-020", World(standing=AWAY), Business(), "the edge serves /api/listings: not for .* allowed 0 s .*502"),
    (
        "EXP-SRV-020",
        World(standing={LISTINGS: SILENT}),
        Business(),
        "during .*: the edge serves /api/listings: .*ReadTimeout",
    ),
    ("EXP-SRV-020", World(), Business(sells=500), "during .*: a seller's listing is taken: .*status 500"),
    (
        "EXP-SRV-021",
        World(standing={LISTINGS: SILENT}),
        Business(sells=503),
        "the edge serves /api/listings: not for .* allowed 0 s",
    ),
    (
        "EXP-SRV-021",
        World(),
        Business(sells=500),
        "during .*: a seller's listing is taken or refused with 503 or 507: .*status 500",
    ),
    (
        "EXP-SRV-021",
        World(),
        Business(sells=503, sells_after=503),
        "not steady again after the revert within 1 s: .*status 503",
    ),
    ("EXP-SRV-021", World(loses=1), Business(sells=503), "acknowledged writes: 1 lost"),
    ("EXP-SRV-022", World(loses=2), Business(), "acknowledged writes: 2 lost"),
    ("EXP-SRV-022", World(after=AWAY), Business(), "the edge serves /api/listings: not for .* allowed 1.5 s"),
    (
        "EXP-SRV-022",
        World(lost="server-blue"),
        Business(),
        "not steady again by itself within 3 s: .*server-blue is unhealthy",
    ),
    (
        "EXP-SRV-023",
        World(),
        Business(sells=500),
        "during .*: a seller's listing is taken or refused with 503 or 507: .*status 500",
    ),
    (
        "EXP-SRV-023",
        World(standing=AWAY),
        Business(sells=503),
        "the edge serves /api/listings: not for .* allowed 0 s .*502",
    ),
    ("EXP-SRV-023", World(loses=1), Business(sells=503), "acknowledged writes: 1 lost"),
    (
        "EXP-SRV-023",
        World(),
        Business(sells=503, sells_after=503),
        "not steady again after the revert within 2 s: .*status 503",
    ),
    ("EXP-SRV-024", World(), Business(session=401), "during .*: who is logged in stays logged in: the session is over"),
    ("EXP-SRV-024", World(), Business(held=0), "during .*: server-blue sees to the escrows: server-blue does not hold"),
    ("EXP-SRV-024", World(loses=1), Business(), "acknowledged writes: 1 lost"),
    (
        "EXP-SRV-025",
        World(),
        Business(held=0),
        "not steady again after the revert within 3 s: server-blue sees to the escrows",
    ),
]


def verdict(id: str, world: World, business: Business, root: Path, **options: Any) -> Verdict:
    """What the experiment says of this world and its business."""
    with pytest.MonkeyPatch.context() as patch:
        shop: Any = type("Shop", (Shop,), {"business": business})
        patch.setattr(marketplace, "Marketplace", shop)
        patch.setattr(requests, "get", lambda url, **options: shop.latest.got(url, **options))
        return verdict_on(id, world, root, **options)


@pytest.mark.parametrize("id", sorted({case[0] for case in BROKEN}))
def test_it_holds_where_its_hypothesis_is_true(id: str, tmp_path: Path) -> None:
    world, business = SOUND.get(id, (World(), Business()))

    said = verdict(id, world, business, tmp_path)

    assert said.outcome is Outcome.HELD, said.reason


@pytest.mark.parametrize(("id", "world", "business", "says"), BROKEN)
def test_it_fails_where_its_hypothesis_is_false(
    id: str, world: World, business: Business, says: str, tmp_path: Path
) -> None:
    said = verdict(id, world, business, tmp_path)

    assert said.outcome is Outcome.BROKEN, said.reason
    assert re.search(says, said.reason), said.reason


@pytest.mark.parametrize("id", ["EXP-LOG-020", "EXP-MON-020", "EXP-SRV-021"])
def test_it_fails_where_customers_notice_something(id: str, tmp_path: Path) -> None:
    world, business = SOUND.get(id, (World(), Business()))

    said = verdict(id, world, business, tmp_path, customers=Met("HTTP 502", seconds=1.0))

    assert said.outcome is Outcome.BROKEN
    assert "customers: not served" in said.reason


def test_a_server_that_does_not_tell_of_its_lease_is_not_judged(tmp_path: Path) -> None:
    from chaos.business import acts_for_escrows

    silent = SimpleNamespace(exec=lambda _argv: Completed(("curl",), 0, "up 1\n", "", 0.0))
    stack: Any = SimpleNamespace(container=lambda _service: silent)

    with pytest.raises(CannotTell, match="has no metric escrow_lease_held"):
        acts_for_escrows("server-blue").complaint(stack)


def test_an_answer_after_the_lock_has_ended_shows_nothing(tmp_path: Path) -> None:
    said = verdict("EXP-SRV-021", World(), Business(locked=False), tmp_path)

    assert said.outcome is Outcome.INCONCLUSIVE, said.reason
    assert re.fullmatch(r".*database_locked\(server-blue, .*\) ended before the answer came.*", said.reason)
