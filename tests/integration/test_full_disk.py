"""A real server on a file system that is really full: what a user sees, and that nothing acknowledged is lost by it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import requests

from stack.driver import Driver
from stack.errors import CannotTell, NoEngine, SeatrialError
from stack.journey import Ack
from stack.marketplace import MarketplaceJourney
from stack.money import Books, in_the_books
from stack.project import COMPOSE_FILE, environment
from stack.waiting import eventually

_START = (
    "printf key-of-the-database >/tmp/key; printf 0123456789abcdef >/tmp/session; exec python -m marketplace_server"
)
_SETTINGS = {
    "SEATRIAL_DATABASE": "/disk/market.db",
    "DATABASE_PASSWORD_FILE": "/tmp/key",
    "SESSION_SECRET_FILE": "/tmp/session",
}
_DISK = "type=tmpfs,destination=/disk,tmpfs-size=16m,tmpfs-mode=1777"


@dataclass
class Server:
    """A server in a container of its own, whose disk holds 16 MiB."""

    driver: Driver
    container_id: str
    url: str

    def run(self, script: str) -> str:
        """Run a script inside, whatever its exit code."""
        return self.driver.exec(self.container_id, ["sh", "-c", script], timeout_seconds=60).stdout

    def fill(self) -> None:
        """Leave not one byte."""
        self.run("cat /dev/zero >/disk/ballast")

    def ready(self) -> tuple[int, dict[str, object]]:
        """What operators see."""
        try:
            answer = requests.get(f"{self.url}/ready", timeout=10)
        except requests.ConnectionError as error:
            raise CannotTell("nobody listens yet") from error
        return answer.status_code, answer.json()


@pytest.fixture
def server() -> Iterator[Server]:
    project = f"st-disk-{os.getpid()}"
    try:
        driver = Driver.connect(project, [COMPOSE_FILE], env=environment(project, 28000))
    except NoEngine as error:
        pytest.skip(str(error))
    if not driver.is_local():
        pytest.skip("a container's own address is reached on its own machine only")
    container_id = driver.run_helper(
        ["sh", "-c", _START], image="seatrial/server:local", user="10102", mounts=[_DISK], env=_SETTINGS, detach=True
    )
    assert isinstance(container_id, str)
    try:
        address = driver.inspect(container_id)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        made = Server(driver, container_id, f"http://{address}:8000")
        eventually(
            lambda: made.ready()[0] == 200,
            within=timedelta(seconds=60),
            every=timedelta(milliseconds=300),
            what="the server is ready",
        )
        yield made
    finally:
        driver.remove(container_id)


def _write(journey: MarketplaceJourney) -> Ack | SeatrialError:
    try:
        return journey.act()
    except (SeatrialError, CannotTell) as refused:
        return refused


def test_a_full_disk_refuses_writes_serves_readers_and_loses_nothing(server: Server) -> None:
    journey = MarketplaceJourney(server.url)
    acks = [journey.act() for _ in range(20)]

    server.fill()
    outcomes = [_write(journey) for _ in range(60)]
    account = {"username": "too-late", "password": "correct horse battery"}
    refused = requests.post(f"{server.url}/api/register", json=account, timeout=10)
    browsing = requests.get(f"{server.url}/api/listings", timeout=10)
    full_status, full = server.ready()
    server.run("rm /disk/ballast")
    eventually(
        lambda: server.ready()[0] == 200,
        within=timedelta(seconds=60),
        every=timedelta(milliseconds=300),
        what="ready again",
    )
    acks += [one for one in outcomes if isinstance(one, Ack)]
    acks += [journey.act() for _ in range(20)]

    assert isinstance(outcomes[-1], SeatrialError)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    assert browsing.status_code == 200
    assert (full_status, full["status"], full["database"]) == (503, "unready", "unavailable")
    assert not journey.verify(acks), journey.verify(acks)
    said = json.loads(server.run("python -m marketplace_server.books"))
    assert in_the_books(Books(said["ledger"], said["unbalanced"], tuple(said["orders"]))) == []
