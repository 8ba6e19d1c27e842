"""The faults of the network on a real engine: each bites as it says, is witnessed, and nothing of it is left, whatever happened meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from chaos import netns
from chaos.capabilities import Capability
from chaos.effect import Fault
from chaos.faults import (
    Bandwidth,
    Blackhole,
    Disconnected,
    DnsBroken,
    Jitter,
    Latency,
    Loss,
    Partitioned,
    Reset,
    SlowClose,
    rules,
)
from chaos.fingerprint import Fingerprint
from chaos.injection import injected
from chaos.runner import journal_of
from chaos.undo import undo
from stack.errors import CannotTell
from stack.model import Stack
from stack.waiting import eventually
from tests.chaos.small_here import small_or_skip

SOON = timedelta(seconds=20)
NOW_AND_THEN = timedelta(milliseconds=100)
TIMED_OUT, RESET, NO_SUCH_NAME = 28, 56, 6  # curl's exit codes

UNTIL_THE_END = """
import socket, time
began = time.monotonic()
with socket.create_connection(("web", 8000), 5) as peer:
    peer.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    while peer.recv(65536):
        pass
print(time.monotonic() - began)
"""
ONE_SOCKET = """
import socket, sys
question = bytes.fromhex("123401000001000000000000") + b"\\x03web\\x00" + bytes.fromhex("00010001")
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.connect(("127.0.0.11", 53))
asker.settimeout(5)
for _ in sys.stdin:
    asker.send(question)
    print(asker.recv(4096)[3] & 15, flush=True)
"""


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    with small_or_skip(f"st-net-{os.getpid()}") as stack:
        yield stack


@dataclass(frozen=True)
class Fetched:
    """What became of one request of the client."""

    exit: int
    lookup: float
    connect: float
    total: float


def fetched(stack: Stack, host: str = "web", *, patience: float = 2) -> Fetched:
    written = "%{exitcode} %{time_namelookup} %{time_connect} %{time_total}"
    argv = ["curl", "-s", "-o", "/dev/null", "-m", str(patience), "-w", written, f"http://{host}:8000/"]
    code, lookup, connect, total = stack.container("client").exec(argv).stdout.split()
    return Fetched(int(code), float(lookup), float(connect), float(total))


def works(stack: Stack) -> bool:
    return fetched(stack, patience=5).exit == 0


def nothing_left(stack: Stack) -> list[str]:
    """Rules, queues and helpers of ours, wherever they are."""
    found = [f"helper {one['Id'][:12]}" for one in stack.driver.helpers()]
    for container in stack.driver.containers(all=True):
        if container["State"].get("Pid"):
            saved = netns.run(stack, container, "iptables-save")
            found += [f"{container['Name']}: {line}" for line in saved.splitlines() if "seatrial-" in line]
            queues = netns.run(stack, container, "tc", "qdisc", "show")
            found += [f"{container['Name']}: {line}" for line in queues.splitlines() if "htb" in line]
    return found


def cut_off(stack: Stack) -> bool:
    return fetched(stack, patience=1).exit == TIMED_OUT


def late(seconds: float) -> Callable[[Stack], bool]:
    return lambda stack: fetched(stack).total >= seconds


def uneven(stack: Stack) -> bool:
    took = [fetched(stack).total for _ in range(12)]
    return min(took) >= 0.02 and max(took) - min(took) > 0.02


def lingers(stack: Stack) -> bool:
    return float(stack.container("client").exec(["python3", "-c", UNTIL_THE_END]).stdout) >= 0.4


def hears_nothing(stack: Stack) -> bool:
    seen = fetched(stack, patience=1)
    return seen.exit == TIMED_OUT and seen.connect > 0


BITES: list[tuple[Fault, Callable[[Stack], bool]]] = [
    (Partitioned("web", ("client",)), cut_off),
    (Partitioned("client", ("web",), direction="to"), cut_off),
    (Partitioned("client", ("web",), direction="from"), cut_off),
    (Partitioned.halves(["web", "edge"], ["client", "store"]), cut_off),
    (Disconnected("web", "inside"), lambda stack: fetched(stack, patience=1).exit != 0),
    (Loss("client", "web", percent=100), cut_off),
    (Latency("client", "web", 8000, milliseconds=200), late(0.2)),
    (Jitter("client", "web", 8000, milliseconds=100, spread_milliseconds=80), uneven),
    (Bandwidth("client", "web", 8000, kilobytes_per_second=1), late(0.2)),
    (Reset("client", "web", 8000), lambda stack: fetched(stack).exit == RESET),
    (Reset("client", "web", 8000, lost="requests"), lambda stack: fetched(stack).exit == RESET),
    (SlowClose("client", "web", 8000, milliseconds=400), lingers),
    (Blackhole("client", "web", 8000), hears_nothing),
    (Blackhole("client", "web", 8000, accepts=False), cut_off),
    (DnsBroken("client"), cut_off),
    (DnsBroken("client", "late", 300), lambda stack: fetched(stack).lookup >= 0.3),
    (DnsBroken("client", "nxdomain"), lambda stack: fetched(stack).exit == NO_SUCH_NAME),
]


@pytest.mark.parametrize(("fault", "bites"), BITES, ids=[str(fault) for fault, _ in BITES])
def test_it_bites_is_witnessed_and_proved_gone(small: Stack, fault: Fault, bites: Callable[[Stack], bool]) -> None:
    before = Fingerprint.of(small, fault=fault)
    assert not fault.active(small)

    with injected(fault, small) as injection:
        assert fault.active(small)
        assert bites(small)
        seen = fault.witness(small, injection.before)

    print(f"{fault}: {seen}; injected in {injection.injected_seconds:.2f} s, {injection.proof}")
    assert seen
    assert not fault.active(small)
    assert before.differences(Fingerprint.of(small, fault=fault)) == []
    assert works(small)
    assert nothing_left(small) == []
    assert journal_of(small).standing() == []


@pytest.mark.parametrize("fault", [fault for fault, _ in BITES], ids=str)
def test_a_revert_without_a_fault_changes_nothing(small: Stack, fault: Fault) -> None:
    before = Fingerprint.of(small, fault=fault)

    fault.revert(small)
    fault.revert(small)

    assert before.differences(Fingerprint.of(small, fault=fault)) == []


SURVIVORS: list[Fault] = [
    Latency("client", "web", 8000, milliseconds=100),
    Loss("client", "web", percent=50),
    DnsBroken("client", "nxdomain"),
    Partitioned("client", ("web",)),
]


@pytest.mark.parametrize("fault", SURVIVORS, ids=str)
def test_a_target_that_is_restarted_meanwhile_has_lost_its_rules_and_nothing_is_left(
    small: Stack, fault: Fault
) -> None:
    with injected(fault, small):
        small.driver.restart(small.container("client").id, grace_seconds=0)

    assert nothing_left(small) == []
    assert works(small)


@pytest.mark.parametrize("fault", SURVIVORS[:1], ids=str)
def test_a_target_that_is_replaced_meanwhile_is_found_again(small: Stack, fault: Fault) -> None:
    with injected(fault, small):
        old = small.container("client").id
        small.driver.remove(old)
        small.driver.compose("up", "--detach", "--no-deps", "--no-build", "--pull", "never", "client")

    assert small.container("client").id != old
    assert nothing_left(small) == []
    assert works(small)


@pytest.mark.parametrize(
    "fault", [Latency("client", "web", 8000, milliseconds=100), DnsBroken("client", "late", 100)], ids=str
)
def test_a_helper_that_is_killed_is_no_obstacle(small: Stack, fault: Fault) -> None:
    with injected(fault, small):
        for entry in small.driver.helpers(**fault.tools):
            small.driver.kill(entry["Id"])
        eventually(lambda: not small.driver.helpers(**fault.tools), within=SOON, every=NOW_AND_THEN)
        assert fault.active(small)

    assert nothing_left(small) == []
    assert works(small)


def test_a_rule_stops_matching_when_its_lease_is_over(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "LEASE", timedelta(seconds=3))
    fault = Partitioned("client", ("web",))

    with injected(fault, small):
        assert cut_off(small)
        eventually(lambda: fetched(small, patience=1).exit == 0, within=SOON, every=NOW_AND_THEN)
        assert fault.active(small)

    assert nothing_left(small) == []


def test_two_proxies_stand_one_behind_the_other_and_go_in_any_order(small: Stack) -> None:
    first, second = Latency("client", "web", 8000, milliseconds=200), Latency("client", "web", 8000, milliseconds=301)
    before = Fingerprint.of(small)
    try:
        first.inject(small)
        second.inject(small)
        both = min(fetched(small).total for _ in range(3))
        seen = [fault.witness(small, before) for fault in (first, second)]
        first.revert(small)
        standing = [fault.active(small) for fault in (first, second)]
        one = min(fetched(small).total for _ in range(3))
    finally:
        undo(second, small, before)

    assert both >= 0.501
    assert all(seen)
    assert standing == [False, True]
    assert 0.301 <= one < 0.501
    assert nothing_left(small) == []


def test_latency_and_loss_stand_on_one_container(small: Stack) -> None:
    late_ones, lost_ones = Latency("client", "web", 8000, milliseconds=100), Loss("client", "web", percent=20)
    before = Fingerprint.of(small)

    with injected(late_ones, small), injected(lost_ones, small):
        eventually(
            lambda: fetched(small).total >= 0.1 and lost_ones.witness(small, before),
            within=SOON,
            every=NOW_AND_THEN,
        )
        assert late_ones.witness(small, before)

    assert nothing_left(small) == []
    assert works(small)


def test_other_rules_are_left_alone(small: Stack) -> None:
    theirs = ["INPUT", "-s", "192.0.2.1/32", "-m", "comment", "--comment", "seatrial-somebody-else", "-j", "DROP"]
    client = small.container("client").attrs
    netns.run(small, client, "iptables", "-w", "5", "-A", *theirs)
    try:
        with injected(Partitioned("client", ("web",)), small):
            pass

        assert f"-A {' '.join(theirs)}" in netns.run(small, client, "iptables-save", "-t", "filter")
    finally:
        netns.run(small, client, "iptables", "-w", "5", "-D", *theirs)


def test_a_bridge_goes_on_reaching_both_sides(small: Stack) -> None:
    fault = Partitioned("client", ("web",), bridge="store")
    asks = ["python3", "-c", "import urllib.request as u; u.urlopen('http://web:8000/', timeout=2)"]

    with injected(fault, small):
        assert cut_off(small)
        assert small.container("store").exec(asks).ok


def test_a_resolver_that_keeps_its_socket_is_told_the_same(small: Stack) -> None:
    import subprocess

    argv = ["docker", "exec", "-i", small.container("client").id, "python3", "-c", ONE_SOCKET]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as resolver:
        assert resolver.stdin is not None
        assert resolver.stdout is not None

        def asked() -> str:
            assert resolver.stdin is not None
            assert resolver.stdout is not None
            resolver.stdin.write("\n")
            resolver.stdin.flush()
            return resolver.stdout.readline().strip()

        before = asked()
        with injected(DnsBroken("client", "nxdomain"), small):
            during = asked()
        after = asked()
        resolver.stdin.close()

    assert (before, during, after) == ("0", "3", "0")


def test_without_the_tool_image_nothing_is_injected(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        type(small.driver).run_helper,
        "__kwdefaults__",
        {
            **(type(small.driver).run_helper.__kwdefaults__ or {}),
            "image": "seatrial/nobody-built-this:local",
        },
    )
    fault = Latency("client", "web", 8000, milliseconds=100)

    with pytest.raises(CannotTell, match="could not run"), injected(fault, small):
        pass

    assert nothing_left(small) == []


def test_what_surrounds_netem_works_with_another_queue_in_its_place(
    small: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This kernel may have no netem: a token bucket of the kernel's, below the same root and filters, must bite and go."""
    monkeypatch.setattr("chaos.capabilities.netem", lambda _driver: Capability("netem", True, "pretended", ""))
    narrow = ("tbf", "rate", "8kbit", "burst", "1600", "latency", "2s")
    monkeypatch.setattr(Bandwidth, "netem", lambda _self: narrow)
    fault = Bandwidth("client", "web", 8000, kilobytes_per_second=1)
    before = Fingerprint.of(small, fault=fault)

    with injected(fault, small) as injection:
        assert small.driver.helpers() == []
        slow = [fetched(small, patience=8).total for _ in range(5)]
        seen = fault.witness(small, injection.before)
        beside = fetched(small, "web", patience=8)
        second = Latency("client", "web", 8000, milliseconds=100)
        with injected(second, small):  # the kernel's place is taken: the other way is
            assert len(small.driver.helpers(**second.tools)) == 1

    print(seen, slow, beside)
    assert max(slow) > 0.3
    assert "packets that answer" in (seen or "")
    assert before.differences(Fingerprint.of(small, fault=fault)) == []
    assert nothing_left(small) == []


def test_a_fault_in_two_places_that_dies_half_way_is_undone(small: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Loss("client", "web", percent=100)
    before = Fingerprint.of(small, fault=fault)
    fault.inject(small)
    web = small.container("web").attrs
    for rule in rules.standing(small, web, rules.tag_of(fault)):
        netns.run(small, web, "iptables", "-w", "5", "-t", rule.table, "-D", *rule.words)

    undo(fault, small, before)

    assert nothing_left(small) == []
    assert works(small)
