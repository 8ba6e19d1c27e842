"""Why: silence is good news only where an answer would have been heard; a check that hears nothing at all can't tell."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.errors import CannotTell
from stack.namespaces import Target
from suites.check import Evidence, NotApplicable
from suites.security import test_headers as headers
from suites.security import test_network as network
from suites.security import test_rate as rate
from suites.security.edge_client import EdgeClient
from suites.security.rules import reach
from suites.security.rules.web import Answer


def container(service: str, published: dict[str, Any], pid: int = 1) -> Any:
    return SimpleNamespace(
        service=service,
        pid=pid,
        is_running=True,
        published=lambda: published,
        listening=list,
        attrs={"NetworkSettings": {"Networks": {"n": {"IPAddress": "172.18.0.2"}}}},
    )


OWN = Target("198.51.100.1", 50_000)
"""The host's own port that answers outside while it is probed."""


def world(address: str, answer: str, *, own: str = "open", runs: str = "edge") -> tuple[Any, Any]:
    edge = SimpleNamespace(name="edge", role="edge", idle=False, ports=())
    said = SimpleNamespace(edge="edge", https_port=443, http_port=80, public_ports=())
    stack = SimpleNamespace(
        project="p",
        services=[edge],
        containers=lambda: [container(runs, {"443/tcp": [(address, 8443)]} if runs == "edge" else {})],
        profile=SimpleNamespace(stack=said, is_empty=False, egress=SimpleNamespace(allowed=())),
        driver=SimpleNamespace(ports_of_others=lambda: set()),
    )
    outside = SimpleNamespace(
        host_addresses=("198.51.100.1",),
        answering=lambda: contextlib.nullcontext((OWN,)),
        probe=lambda targets, **_: {
            t: answer if t.port == 8443 else own if t == OWN else "silent" for t in targets
        },
    )
    return stack, outside


def judged(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    findings: list[Any] = []
    monkeypatch.setattr(network, "judge", lambda found, **_: findings.extend(found))
    return findings


def test_silence_everywhere_from_outside_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    judged(monkeypatch)
    stack, outside = world("0.0.0.0", "silent")
    with pytest.raises(CannotTell, match="not even the edge's own ports"):
        network.test_only_the_edge_answers_outside(stack, outside, Evidence())


@pytest.mark.parametrize(("address", "answer"), [("0.0.0.0", "open"), ("127.0.0.1", "silent")])
def test_silence_beside_an_open_edge_or_one_on_loopback_passes(
    monkeypatch: pytest.MonkeyPatch, address: str, answer: str
) -> None:
    findings = judged(monkeypatch)
    stack, outside = world(address, answer)
    network.test_only_the_edge_answers_outside(stack, outside, Evidence())
    assert findings == []


def test_silence_where_not_even_the_host_itself_is_heard_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    judged(monkeypatch)
    stack, outside = world("127.0.0.1", "silent", own="silent")
    with pytest.raises(CannotTell, match="nothing at all answered from outside over IPv4"):
        network.test_only_the_edge_answers_outside(stack, outside, Evidence())


def test_an_edge_that_is_declared_and_does_not_run_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    judged(monkeypatch)
    stack, outside = world("0.0.0.0", "silent", runs="other")
    with pytest.raises(CannotTell, match="edge, which is the edge, does not run"):
        network.test_only_the_edge_answers_outside(stack, outside, Evidence())


@pytest.mark.parametrize(
    ("answers", "deaf"),
    [
        ({"198.51.100.1": "open", "2001:db8::1": "silent"}, ["IPv6"]),
        ({"198.51.100.1": "silent", "2001:db8::1": "refused"}, ["IPv4"]),
        ({"198.51.100.1": "refused", "2001:db8::1": "open"}, []),
        ({"198.51.100.1": "open"}, []),
    ],
)
def test_a_family_is_heard_by_an_answer_or_a_refusal(answers: dict[str, str], deaf: list[str]) -> None:
    assert reach.unheard_families({Target(address, 1): said for address, said in answers.items()}) == deaf


def test_the_matrix_has_every_way_that_was_tried() -> None:
    seen = {("app", "db", 5, "tcp"): True, ("web", "db", 5, "tcp"): True, ("log", "db", 5, "tcp"): False}

    assert reach.matrix(seen, {("app", "db", 5, "tcp")}) == [("db:5/tcp", "app", "app, web", "1")]


@pytest.mark.parametrize("heard", [[], [("172.18.0.2", 5)], [("2001:db8::1", network.CONTROL_PORT)]])
def test_egress_that_hears_not_even_the_host_can_not_tell(
    monkeypatch: pytest.MonkeyPatch, heard: list[tuple[str, int]]
) -> None:
    judged(monkeypatch)
    monkeypatch.setattr(network, "send_outward", lambda *_: {})
    monkeypatch.setattr(network, "send_control", lambda: None, raising=False)
    stack, outside = world("0.0.0.0", "open")
    outside.arrivals = lambda: contextlib.nullcontext(lambda _seconds: heard)
    with pytest.raises(CannotTell, match="not even the host's own packet"):
        network.test_no_service_reaches_the_outside(stack, outside, Evidence())


def test_egress_that_hears_the_host_alone_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = judged(monkeypatch)
    monkeypatch.setattr(network, "send_outward", lambda *_: {})
    heard: list[tuple[str, int]] = []
    monkeypatch.setattr(network, "send_control", lambda: heard.append(("198.51.100.1", network.CONTROL_PORT)))
    stack, outside = world("0.0.0.0", "open")
    outside.arrivals = lambda: contextlib.nullcontext(lambda _seconds: heard)
    network.test_no_service_reaches_the_outside(stack, outside, Evidence())
    assert findings == []


def test_a_declared_flow_that_did_not_open_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    late, other, dead = Target("10.0.0.2", 80), Target("10.0.0.3", 81), Target("10.0.0.4", 82)
    asked: list[tuple[set[Target], float]] = []

    def try_all(_: Path, targets: Any, *, timeout_seconds: float, batch: int = 256) -> dict[Target, str]:
        wanted = set(targets)
        asked.append((wanted, timeout_seconds))
        return {t: "open" if len(asked) == 2 and t == late else "silent" for t in wanted}

    monkeypatch.setattr(network.namespaces, "try_all", try_all)
    targets = {late: ("db", 80, "tcp"), other: ("x", 81, "tcp"), dead: ("y", 82, "tcp")}
    declared = {("app", "db", 80, "tcp"), ("app", "y", 82, "tcp")}

    works = network.ways_from("app", Path("/nowhere"), targets, declared)

    assert works == {("app", "db", 80, "tcp"): True, ("app", "x", 81, "tcp"): False, ("app", "y", 82, "tcp"): False}
    assert asked == [({late, other, dead}, 1.0), ({late, dead}, 5.0)]


@contextlib.contextmanager
def server(then: str) -> Iterator[Any]:
    """Answers TRACE with 405; to the oversize body it keeps quiet or hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                one, _ = listener.accept()
                if one.recv(4096).startswith(b"TRACE"):
                    one.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
                if then == "quiet":
                    held.append(one)
                else:
                    one.close()

    threading.Thread(target=serve, daemon=True).start()
    port = listener.getsockname()[1]
    edge: Any = SimpleNamespace(
        https_port=None, http_port=port, server_name="shop.test", address="127.0.0.1", port_of=lambda _scheme: port
    )
    try:
        yield EdgeClient(edge, lambda to, _: socket.create_connection(("127.0.0.1", to), 1), timeout_seconds=0.3)
    finally:
        listener.close()
        for one in held:
            one.close()


def test_an_edge_that_waits_for_an_oversize_body_fails() -> None:
    with server("quiet") as edge, pytest.raises(AssertionError, match="waits for the body"):
        headers.test_trace_and_oversize_bodies_are_refused(edge, Evidence())


def test_an_edge_that_hangs_up_on_an_oversize_body_was_not_seen_to_wait() -> None:
    with server("hang up") as edge, pytest.raises(CannotTell, match="no answer"):
        headers.test_trace_and_oversize_bodies_are_refused(edge, Evidence())


class Unlimited:
    """An edge that refuses nobody."""

    def fetch(self, _request: Any) -> Answer:
        return Answer("GET /", 200, (), b"")

    def fetch_all(self, requests: list[Any], **_: Any) -> list[Answer]:
        return [self.fetch(one) for one in requests]

    burst = fetch_all


SOURCES: Any = SimpleNamespace(sources=lambda count: tuple(f"198.51.100.{20 + n}" for n in range(count)))
LIMIT_CHECKS = (rate.test_under_the_limit_nobody_is_refused, rate.test_forged_forwarding_headers_change_nothing)


@pytest.mark.parametrize("the_check", LIMIT_CHECKS)
def test_a_limit_that_was_not_met_leaves_the_question_open(the_check: Any) -> None:
    with pytest.raises(CannotTell, match="limit"):
        the_check(Unlimited(), SOURCES, Evidence(), set())


@pytest.mark.parametrize("the_check", LIMIT_CHECKS)
def test_a_limit_that_is_known_to_be_missing_is_one_finding(the_check: Any) -> None:
    known: set[str] = set()
    edge: Any = Unlimited()
    with pytest.raises(AssertionError):
        rate.test_over_the_limit_is_refused(edge, SOURCES, Evidence(), known)
    with pytest.raises(NotApplicable, match="SEC-RATE-001 says so"):
        the_check(edge, SOURCES, Evidence(), known)
