"""What the network faults would do, without an engine: the kernel's way word by word, which way is taken, and what is refused."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import capabilities
from chaos.capabilities import Capability
from chaos.faults import (
    Bandwidth,
    Blackhole,
    DnsBroken,
    Jitter,
    Latency,
    Loss,
    Partitioned,
    Reset,
    SlowClose,
    decode,
    dns_relay,
    netem,
    rules,
)
from chaos.faults.helper import Place
from chaos.faults.partition import bisected, bridged
from chaos.faults.proxy import Toxic
from stack.completed import Completed
from stack.errors import CannotTell, UserError
from tests.chaos.fake_stack import FakeStack

ROUTE = "10.0.0.2 dev eth0 src 10.0.0.3 uid 0 \\    cache \n"
QUIET = "qdisc noqueue 0: dev lo root refcnt 2 \nqdisc noqueue 0: dev eth0 root refcnt 2 \n"


class Kernel:
    """Stands in for chaos.netns.run: answers what tc, ip and iptables would, and keeps what it was told."""

    def __init__(self, queues: str = QUIET) -> None:
        self.told: list[tuple[str, ...]] = []
        self.queues = queues

    def __call__(self, _stack: Any, container: Any, *argv: str, **_: Any) -> str:
        if argv[0] == "ip":
            return ROUTE
        if argv[:3] == ("tc", "qdisc", "show"):
            return self.queues
        if argv[0].endswith("-save"):
            return ""
        self.told.append((container["Config"]["Labels"]["com.docker.compose.service"], *argv))
        return ""


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr("chaos.netns.run", kernel)
    return kernel


def with_netem(monkeypatch: pytest.MonkeyPatch, *, present: bool) -> None:
    monkeypatch.setattr("chaos.capabilities.netem", lambda _driver: Capability("netem", present, "seen", "otherwise"))


@pytest.mark.parametrize(
    ("fault", "leaf"),
    [
        (Latency("shop", "till", 80, 200), "delay 200ms"),
        (Jitter("shop", "till", 80, 100, 80), "delay 100ms 80ms"),
        (Bandwidth("shop", "till", 80, 64), "rate 512kbit"),
    ],
    ids=str,
)
def test_with_netem_what_the_peer_answers_is_queued_where_it_leaves_the_peer(
    fault: Latency | Jitter | Bandwidth, leaf: str, fake: FakeStack, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_netem(monkeypatch, present=True)
    handle = netem.handle_of(fault)

    fault.inject(fake)  # type: ignore[arg-type]

    assert [" ".join(argv) for argv in kernel.told] == [
        f"till tc qdisc add dev eth0 root handle {handle}: htb",
        f"till tc class add dev eth0 parent {handle}: classid {handle}:1 htb rate 10gbit",
        f"till tc qdisc add dev eth0 parent {handle}:1 netem limit 10000 {leaf}",
        (
            f"till tc filter add dev eth0 parent {handle}: protocol ip prio 1 u32 match ip dst 10.0.0.2/32 "
            f"match ip protocol 6 0xff match ip sport 80 0xffff flowid {handle}:1"
        ),
    ]


def test_with_netem_each_side_loses_what_it_sends_on_all_ports(
    fake: FakeStack, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_netem(monkeypatch, present=True)
    fault = Loss("shop", "till", percent=2.5)
    handle = netem.handle_of(fault)

    fault.inject(fake)  # type: ignore[arg-type]

    assert [argv[0] for argv in kernel.told] == ["shop"] * 4 + ["till"] * 4
    assert kernel.told[2][1:] == tuple(
        f"tc qdisc add dev eth0 parent {handle}:1 netem limit 10000 loss random 2.5%".split()
    )
    assert "sport" not in kernel.told[3]


def test_without_netem_each_side_loses_what_arrives(
    fake: FakeStack, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_netem(monkeypatch, present=False)

    Loss("shop", "till", percent=5).inject(fake)  # type: ignore[arg-type]

    assert [(argv[0], argv[1]) for argv in kernel.told] == [("shop", "iptables"), ("till", "iptables")]
    assert all(
        "-A INPUT -s 10.0.0.2/32 -m statistic --mode random --probability 0.05000000" in " ".join(argv)
        for argv in kernel.told
    )


@pytest.mark.parametrize(
    ("present", "queues", "proxied"),
    [
        (True, QUIET, False),
        (False, QUIET, True),
        (True, "qdisc tbf 8001: dev eth0 root refcnt 2 rate 1Mbit\n", True),
        (True, f"{QUIET}qdisc htb 1abc: dev eth1 root refcnt 2 r2q 10\n", False),
    ],
    ids=["netem", "no netem", "somebody's queue in the way", "a queue on another device"],
)
def test_the_kernels_way_is_taken_where_it_is_there_and_free(
    present: bool, queues: str, proxied: bool, fake: FakeStack, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_netem(monkeypatch, present=present)
    kernel.queues = queues
    asked: list[Any] = []
    monkeypatch.setattr("chaos.faults.proxy.put_in_the_way", lambda *_, **how: asked.append(how["toxics"]))

    Latency("shop", "till", 80, 200).inject(fake)  # type: ignore[arg-type]

    assert bool(asked) is proxied
    assert bool(kernel.told) is not proxied
    assert asked in ([], [[Toxic("latency", {"latency": 200, "jitter": 0})]])


@pytest.mark.parametrize(
    "fault", [Reset("shop", "till", 80), SlowClose("shop", "till", 80, 100), Blackhole("shop", "till", 80)], ids=str
)
def test_what_netem_can_not_do_goes_through_the_proxy_everywhere(
    fault: Reset | SlowClose | Blackhole, fake: FakeStack, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_netem(monkeypatch, present=True)
    asked: list[Any] = []
    monkeypatch.setattr("chaos.faults.proxy.put_in_the_way", lambda *_, **how: asked.append(how["toxics"]))

    fault.inject(fake)  # type: ignore[arg-type]

    assert asked == [[fault.toxic()]]
    assert kernel.told == []


def test_a_queue_is_found_again_by_its_number_whatever_the_device_is_called_now(
    fake: FakeStack, kernel: Kernel
) -> None:
    fault = Latency("shop", "till", 80, 200)
    handle = netem.handle_of(fault)
    kernel.queues = (
        f"qdisc htb {handle}: dev eth7 root refcnt 2\nqdisc netem 8001: dev eth7 parent {handle}:1 limit 1000\n"
    )

    netem.remove(fake, ["till"], handle)  # type: ignore[arg-type]

    assert [" ".join(argv) for argv in kernel.told] == [f"till tc qdisc del dev eth7 root handle {handle}:"]


def test_what_went_through_the_queue_and_what_was_lost_in_it_is_counted() -> None:
    shown = (
        "qdisc htb 1abc: root refcnt 2 r2q 10 default 0\n Sent 900 bytes 9 pkt (dropped 0, overlimits 0 requeues 0)\n"
        "qdisc netem 8002: parent 1abc:1 limit 10000 loss 5%\n Sent 400 bytes 4 pkt (dropped 3, overlimits 0 requeues 0)\n"
    )

    assert netem.counters(shown, "1abc") == (4, 3)
    assert netem.counters(shown, "1ab") == (0, 0)


def test_the_number_of_a_queue_is_one_that_tc_takes() -> None:
    handles = {netem.handle_of(Latency("a", "b", 80, ms)) for ms in range(500)}

    assert all(0x1000 <= int(handle, 16) < 0xFFFF for handle in handles)
    assert len(handles) > 480


def test_ipv6_takes_the_other_familys_words() -> None:
    made = netem.commands("1abc", "eth0", ["netem", "delay", "9ms"], ["fd00::2"], 80)

    assert " ".join(made[3]) == (
        "filter add dev eth0 parent 1abc: protocol ipv6 prio 2 u32 match ip6 dst fd00::2/128 "
        "match ip6 protocol 6 0xff match ip6 sport 80 0xffff flowid 1abc:1"
    )
    assert rules.whole("fd00::2") == "fd00::2/128"


def test_a_helper_that_comes_later_exempts_those_before_it_and_has_ports_of_its_own() -> None:
    first, third = Place(0), Place(2)

    assert "31337" in first.redirect((), 1).match
    assert "31337-31339" in third.redirect((), 1).match
    assert third.redirect((), 1).first
    assert {first.control, first.port(0), first.port(14)}.isdisjoint({third.control, third.port(0)})
    with pytest.raises(CannotTell, match="more than 15 addresses"):
        first.port(15)


@pytest.mark.parametrize(
    ("done", "present"),
    [
        (Completed(("tc",), 0, "", "", 0.0), True),
        (Completed(("tc",), 2, "", "Error: Specified qdisc kind is unknown.", 0.0), False),
    ],
)
def test_netem_is_there_when_a_queue_of_it_can_be_had(done: Completed, present: bool) -> None:
    asked: list[list[str]] = []

    def run_helper(argv: list[str], **_: Any) -> Completed:
        asked.append(argv)
        return done

    driver: Any = SimpleNamespace(endpoint=f"unix:///nowhere/{present}", run_helper=run_helper)

    seen = [capabilities.netem(driver) for _ in range(2)]

    assert [one.present for one in seen] == [present, present]
    assert "unknown" in seen[0].seen or present
    assert len(asked) == 1


def test_without_the_tool_image_there_is_no_netem_and_the_reason_is_said() -> None:
    def run_helper(*_: Any, **__: Any) -> Completed:
        raise CannotTell("no such image")

    driver: Any = SimpleNamespace(endpoint="unix:///nowhere/else", run_helper=run_helper)

    assert "no such image" in capabilities.netem(driver).seen


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Latency("shop", "till", 0, 200), "0 is no TCP port"),
        (lambda: Latency("shop", "till", 70000, 200), "70000 is no TCP port"),
        (lambda: Latency("shop", "till", 80, -1), "milliseconds can't be less than nothing"),
        (lambda: Jitter("shop", "till", 80, 10, 20), "can't be more than 10 ms less late"),
        (lambda: Bandwidth("shop", "till", 80, 0), "which is a blackhole"),
        (lambda: Reset("shop", "till", 80, lost="minds"), "answers or requests"),
        (lambda: Loss("shop", "till", percent=0), "0 % of the packets"),
        (lambda: Loss("shop", "till", percent=101), "101 % of the packets"),
        (lambda: DnsBroken("shop", "wrong"), "none, late or nxdomain"),
        (lambda: DnsBroken("shop", "late"), "late by some milliseconds"),
        (lambda: DnsBroken("shop", "none", 5), "late by some milliseconds"),
        (lambda: Partitioned("shop", ()), "no peers to lose"),
        (lambda: Partitioned("shop", ("shop",)), "shop can only be in one place"),
        (lambda: Partitioned("shop", ("till",), bridge="till"), "till can only be in one place"),
        (lambda: Partitioned("shop", ("till",), direction="up"), "both, to, from"),
        (lambda: Partitioned.halves([], ["till"]), "a service on each side"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_in_a_sentence(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()


@pytest.mark.parametrize(
    "fault",
    [
        Latency("shop", "nobody", 80, 200),
        Loss("shop", "nobody", percent=5),
        Blackhole("shop", "nobody", 80, accepts=False),
    ],
    ids=str,
)
def test_a_peer_that_there_is_not_is_bad_input(
    fault: Latency | Loss | Blackhole, fake: FakeStack, kernel: Kernel
) -> None:
    with pytest.raises(UserError, match="has no service 'nobody' \\(it has shop, till\\)"):
        fault.inject(fake)  # type: ignore[arg-type]
    assert kernel.told == []


@pytest.mark.parametrize(
    "fault",
    [Latency("shop", "till", 80, 200), Loss("shop", "till", percent=5), Partitioned("shop", ("till",))],
    ids=str,
)
def test_a_peer_on_no_common_network_is_bad_input(
    fault: Latency | Loss | Partitioned, fake: FakeStack, kernel: Kernel
) -> None:
    fake.rendered["services"]["till"]["networks"] = {"elsewhere": None}

    with pytest.raises(UserError, match="on no common network"):
        fault.inject(fake)  # type: ignore[arg-type]
    assert kernel.told == []


def test_a_bridge_that_reaches_neither_side_is_bad_input(fake: FakeStack, kernel: Kernel) -> None:
    fake.rendered["services"]["island"] = {"networks": {"elsewhere": None}}

    with pytest.raises(UserError, match="island bridges nothing"):
        Partitioned("shop", ("till",), bridge="island").inject(fake)  # type: ignore[arg-type]
    assert kernel.told == []


def test_a_peer_that_does_not_run_leaves_nothing_to_break(fake: FakeStack, kernel: Kernel) -> None:
    fake.driver.stop(fake.driver.container_ids("till")[0])

    with pytest.raises(CannotTell, match="till has no running container"):
        Partitioned("shop", ("till",)).inject(fake)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("direction", "chains"), [("both", ["INPUT", "OUTPUT"]), ("to", ["OUTPUT"]), ("from", ["INPUT"])]
)
def test_a_direction_says_which_packets_are_lost(
    direction: str, chains: list[str], fake: FakeStack, kernel: Kernel
) -> None:
    Partitioned("shop", ("till",), direction=direction).inject(fake)  # type: ignore[arg-type]

    assert [argv[7] for argv in kernel.told] == chains
    assert all(argv[0] == "shop" for argv in kernel.told)


def test_halves_and_a_bridge_are_chosen_from_a_plain_list() -> None:
    assert bisected(["a", "b", "c"]) == (("a",), ("b", "c"))
    assert bridged(["a", "b", "c", "d", "e"]) == (("a", "b"), "c", ("d", "e"))
    for choose, few in ((bisected, ["a"]), (bridged, ["a", "b"])):
        with pytest.raises(UserError):
            choose(few)


def test_equal_faults_have_one_tag_and_others_another_also_after_the_journal() -> None:
    one, other = Latency("shop", "till", 80, 200), Latency("shop", "till", 80, 201)
    again = decode(json.loads(json.dumps(one.to_json())))

    assert rules.tag_of(one) == rules.tag_of(again)
    assert rules.tag_of(one) != rules.tag_of(other)
    assert one.tools != other.tools


QUESTION = (
    bytes.fromhex("abcd01000001000000000001") + b"\x04till\x00" + bytes.fromhex("00010001") + b"\x00\x00\x29" + bytes(8)
)


def test_no_such_name_is_an_answer_to_the_question_that_was_asked() -> None:
    said = dns_relay.no_such_name(QUESTION)

    assert said[:2] == QUESTION[:2]
    assert said[2] & 0x80
    assert said[2] & 0x01
    assert said[3] & 0x0F == 3
    assert said[4:12] == bytes.fromhex("0001000000000000")
    assert said[12:] == b"\x04till\x00\x00\x01\x00\x01"
