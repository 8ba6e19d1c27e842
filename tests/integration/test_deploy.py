"""Deployments by the operator's command on a real stack: nobody notices a switch, and what is no good is taken back."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from chaos.machines.releases import dockerfile
from stack.clients.market import Market
from stack.deployment.running import LOCK
from stack.edge import Edge
from stack.lock import Lock
from stack.model import Stack
from stack.project import ROOT
from stack.waiting import pause
from tests.integration.escrow_stack import copy_of

BASE = "seatrial/server:local"
SECONDS_BETWEEN = 0.1


@pytest.fixture(scope="module")
def shop() -> Iterator[Stack]:
    with copy_of(f"st-deploy-{os.getpid()}", 24000, ("nginx", "server-blue")) as stack:
        yield stack


@pytest.fixture(scope="module")
def images(shop: Stack) -> Iterator[dict[str, str]]:
    """A sound release and one that crashes when customers come, as images."""
    made = {name: f"seatrial/server:{shop.project}-{name}" for name in ("sound-a", "crashes")}
    for name, image in made.items():
        shop.driver.derive_image(image, dockerfile(name, BASE))
    yield made
    for image in made.values():
        for container in shop.driver.containers(all=True):  # what was left serving it goes with the copy
            if container["Config"]["Image"] == image:
                shop.driver.remove(container["Id"])
        shop.driver.remove_image(image)


def ops(shop: Stack, command: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run an operator command on the copy."""
    argv = [sys.executable, "-m", "stack.ops", command, "staging", *words, "--project", shop.project, "--bake", "1s"]
    return subprocess.run([*argv, "--json"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


def serves(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Who serves, as the command says."""
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)["serves"]
    return facts


@dataclass
class Stream:
    """Customers who read and one who lists, all the time."""

    read: int = 0
    listed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@contextmanager
def customers(edge: Edge) -> Iterator[Stream]:
    """Readers keep their connections and come once more when one was closed under them; who writes, writes once."""
    market, stream, over = Market(edge), Stream(), threading.Event()
    account = market.register(f"sea-{secrets.token_hex(8)}", secrets.token_urlsafe(16))
    token = market.login(account.username, account.password).token
    market.close()

    def come() -> None:
        with edge.session(timeout_seconds=5) as kept:
            while not over.is_set():
                reads(kept, stream)
                lists(edge, token, stream)
                pause(SECONDS_BETWEEN)

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield stream
    finally:
        over.set()
        thread.join(30)


def reads(kept: requests.Session, stream: Stream) -> None:
    said = ""
    for _ in range(2):
        try:
            answer = kept.get("/api/listings")
        except requests.RequestException as error:
            said = type(error).__name__
            continue
        said = f"reading: {answer.status_code}"
        if answer.ok:
            stream.read += 1
            return
    stream.failed.append(said)


def lists(edge: Edge, token: str, stream: Stream) -> None:
    """Who hears nothing looks whether it was done, and does it once more if it was not."""
    title = f"Sextant {secrets.token_hex(8)}"
    body = {"title": title, "description": "", "price_piconero": 10**9}
    said = ""
    for _ in range(2):
        try:
            with edge.session(timeout_seconds=5) as fresh:
                there = fresh.get("/api/listings", params={"q": title}).json()["items"] if said else []
                if there:
                    stream.listed.append(there[0]["id"])
                    return
                answer = fresh.post("/api/listings", json=body, headers={"Authorization": f"Bearer {token}"})
        except requests.RequestException as error:
            said = f"listing: {type(error).__name__}"
            continue
        if answer.status_code == 201:
            stream.listed.append(answer.json()["id"])
            return
        said = f"listing: {answer.status_code}"
        break
    stream.failed.append(said)


def test_nobody_notices_a_switch_and_the_way_back(shop: Stack, images: dict[str, str]) -> None:
    with customers(shop.edge) as stream:
        there = serves(ops(shop, "deploy", images["sound-a"], "--blue-green"))
        back = serves(ops(shop, "rollback"))

    market = Market(shop.edge)
    kept = [listing for listing in stream.listed if market.listing(listing).id == listing]
    market.close()
    assert (there["colour"], there["image"]) == ("server-green", images["sound-a"])
    assert (back["colour"], back["image"]) == ("server-blue", BASE)
    assert stream.failed == []
    assert stream.read > 20
    assert len(stream.listed) > 20
    assert kept == stream.listed
    assert [one["Name"] for one in shop.driver.containers(all=True) if "green" in one["Name"]] == []


def test_a_release_that_crashes_when_customers_come_is_taken_back(shop: Stack, images: dict[str, str]) -> None:
    before = shop.container("server-blue").id

    done = ops(shop, "deploy", images["crashes"], "--blue-green")

    assert done.returncode == 1
    assert "rolled back: server-blue with seatrial/server:local" in done.stderr
    assert "Traceback" not in done.stderr
    assert shop.container("server-blue").id == before
    assert [one["Name"] for one in shop.driver.containers(all=True) if "green" in one["Name"]] == []


def test_a_configuration_that_does_not_parse_is_never_reloaded(shop: Stack, images: dict[str, str]) -> None:
    broken = shop.state_dir / "edge" / "active.conf"
    sound = broken.read_text()
    broken.write_text(sound + "no_such_directive on;\n")
    try:
        done = ops(shop, "deploy", images["sound-a"], "--blue-green")
    finally:
        broken.write_text(sound)

    with shop.edge.session() as session:
        answer = session.get("/health")
    assert done.returncode == 1
    assert "nginx refuses its configuration, so nothing was begun" in done.stderr
    assert "no_such_directive" in done.stderr
    assert answer.json()["colour"] == "blue"


def test_a_second_deployment_is_refused_and_told_who_the_first_is(shop: Stack, images: dict[str, str]) -> None:
    lock = Lock(shop.state_dir / LOCK, why="a test")
    lock.take()
    try:
        done = ops(shop, "deploy", images["sound-a"], "--blue-green")
    finally:
        lock.drop()

    assert done.returncode == 4
    assert f"{shop.project} is being deployed to by another process: pid {os.getpid()} since" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("deploy", "staging", "seatrial/server:no-such"), "there is no image seatrial/server:no-such here"),
        (("deploy", "staging", "No Image"), "'No Image' is no image reference"),
        (("deploy", "nowhere", BASE), "there is no environment 'nowhere'"),
        (("deploy", "staging", BASE, "--bake", "soon"), "--bake 'soon' is no time"),
        (("rollback", "staging"), "there is nothing to roll back to"),
        (("deploy", "production", BASE, "--report", "no-such-report"), r"no-such-report has no scorecard\.json"),
    ],
)
def test_bad_input_is_one_sentence(shop: Stack, words: tuple[str, ...], told: str) -> None:
    argv = [sys.executable, "-m", "stack.ops", *words, "--project", shop.project]

    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 4
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1
    assert told.replace("\\", "") in lines[0]


def test_a_rehearsal_does_nothing(shop: Stack, images: dict[str, str]) -> None:
    before = [one["Id"] for one in shop.driver.containers(all=True)]

    done = ops(shop, "deploy", images["sound-a"], "--blue-green", "--dry-run")

    assert done.returncode == 0
    assert json.loads(done.stdout)["active"] == "server-blue"
    assert [one["Id"] for one in shop.driver.containers(all=True)] == before
