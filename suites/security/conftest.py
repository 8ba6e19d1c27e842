"""The places to stand that the security checks share: outside the host, and before the edge."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

import pytest

from stack.edge import Edge
from stack.errors import CannotTell
from stack.model import Stack
from stack.vantage import Outside
from suites.check import check_of, not_applicable
from suites.security import plain_http
from suites.security.edge_client import Dial, EdgeClient, loopback_dial
from suites.security.edges import edge_service
from suites.security.visitor import Marketplace
from suites.session import may_run


@pytest.fixture(autouse=True)
def plain_http_is_one_finding(request: pytest.FixtureRequest) -> None:
    """On an edge without HTTPS, only the first TLS check of the run speaks: one cause, one finding."""
    own = check_of(request.node)
    if "edge" not in request.fixturenames or own is None or not is_about_tls(request.node):
        return
    stack: Stack = request.getfixturevalue("running")
    client: EdgeClient = request.getfixturevalue("edge")
    service = edge_service(stack)
    if service is None:
        return
    tls = [item for item in request.session.items if item.path.stem in plain_http.TLS_MODULES and may_run(item)]
    speakers = {entry.id for item in tls if (entry := check_of(item))}
    reason = plain_http.why_not_applicable(client.edge, service, own.id, speakers)
    if reason is not None:
        not_applicable(reason)


def is_about_tls(item: pytest.Item) -> bool:
    """Whether a check is about HTTPS at the edge and nothing else."""
    entry = check_of(item)
    return item.path.stem in plain_http.TLS_MODULES or (entry is not None and entry.id in plain_http.HTTPS_ALONE)


# By module and not by session: one outside can exist on a machine, and the load area wants it next.
@pytest.fixture(scope="module")
def outside(running: Stack) -> Iterator[Outside]:
    """A network namespace outside the host; CannotTell (so INCONCLUSIVE) where none can be made."""
    if not running.driver.is_local():
        raise CannotTell("the engine is on another machine: its outside can't be built here")
    with Outside(running.project) as there:
        yield there


@pytest.fixture(scope="module")
def edge(running: Stack, request: pytest.FixtureRequest) -> EdgeClient:
    """A client that reaches the edge at the address it is published at."""
    client = client_of(running, loopback_dial)
    if client.edge.https_port is not None or request.path.stem not in plain_http.TLS_MODULES:
        return client
    plain = plain_http.without_https(client.edge)
    return EdgeClient(plain, loopback_dial(plain))


@pytest.fixture(scope="module")
def edge_from_outside(running: Stack, outside: Outside) -> EdgeClient:
    """A client that reaches the edge from outside, from any of many source addresses."""

    def from_outside(_: Edge) -> Dial:
        return lambda port, source: outside.dial(outside.host_addresses[0], port, source=source)

    return client_of(running, from_outside)


def client_of(stack: Stack, dial_of: Callable[[Edge], Dial]) -> EdgeClient:
    """The edge's client; a stack without an edge has nothing to check."""
    if edge_service(stack) is None:
        not_applicable("no service is the edge: [stack] edge = … in a profile would name one")
    found = stack.edge
    return EdgeClient(found, dial_of(found))


FIRST_OF_THE_VISITORS = 20
VISITORS = 100
MARKETPLACE = "stack.marketplace:MarketplaceJourney"


@pytest.fixture(scope="module")
def marketplace(running: Stack, edge_from_outside: EdgeClient, outside: Outside) -> Marketplace:
    """The marketplace behind the edge, with visitors from many addresses; of another stack nobody knows what users do."""
    journey = running.profile.journey
    if journey is None or journey.path != MARKETPLACE:
        not_applicable(running.profile.missing(f'[journey] class = "{MARKETPLACE}"'))
    # The first addresses are the rate checks': their limits are spent.
    sources = outside.sources(FIRST_OF_THE_VISITORS + VISITORS)[FIRST_OF_THE_VISITORS:]
    return Marketplace(edge_from_outside, iter(sources))


EXPIRE = """
import os, sys, time
from pathlib import Path
from marketplace_server.connection import open_connection
key = Path(os.environ["DATABASE_PASSWORD_FILE"]).read_text().rstrip("\\r\\n")
path = Path(os.environ.get("SEATRIAL_DATABASE", "/data/market.db"))
database = open_connection(path, key, busy_timeout_seconds=5, writes=True)
print(database.execute("UPDATE sessions SET expires_at = ? WHERE account_id = ?", (time.time() - 1, sys.argv[1])).rowcount)
"""


@pytest.fixture
def expire(running: Stack) -> Callable[[str], None]:
    """Lets the time of one account's sessions be over, in the database: an account that a check made, nobody else's."""

    def over(account_id: str) -> None:
        database = running.profile.database
        if database is None:
            raise CannotTell("the profile names no database, so no session can be made old")
        done = running.container(database.service).exec(["python", "-c", EXPIRE, account_id])
        if not done.ok or done.stdout.strip() in ("", "0"):
            raise CannotTell(f"no session could be made old: {done.last_words()}")

    return over


@pytest.fixture
def written(running: Stack) -> Callable[[], list[str]]:
    """Gives the lines that the edge and the applications behind it have logged since the check began."""
    began = datetime.datetime.now(datetime.UTC)
    services = {service.name for service in running.services if service.role in ("edge", "application")}

    def lines() -> list[str]:
        sources = [container for container in running.containers() if container.service in services]
        return [line for container in sources for line in container.logs(since=began).splitlines()]

    return lines
