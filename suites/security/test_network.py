"""What can be reached by whom, tried with real packets: from outside the host, between services, and outward."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from stack import namespaces
from stack.errors import CannotTell
from stack.model import Container, Stack
from stack.namespaces import Target
from stack.vantage import EGRESS_SINK, EGRESS_SINK_6, Outside
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.edges import edge_service, ports_of_the_edge
from suites.security.rules import reach
from suites.security.rules.finding import Finding, judge

PROBE_SECONDS = 1.0
PATIENT_SECONDS = 5.0
PATIENT_BATCH = 8
"""How what a flow promises is tried again: a busy machine may be late with one of many handshakes at once."""
CONTROL_PORT = 19_999
"""Where the host itself sends to, so that hearing nothing else means something."""
SINKS = (EGRESS_SINK, EGRESS_SINK_6)
T = TypeVar("T")
Way = tuple[str, str, int, str]
"""Source, target, port and protocol."""


def running_containers(stack: Stack) -> list[Container]:
    """The project's running containers; CannotTell when there is none."""
    found = [container for container in stack.containers() if container.is_running]
    if not found:
        raise CannotTell(f"no container of {stack.project} is running")
    return found


def every_address(container: Container) -> list[str]:
    """All of a container's addresses, IPv4 and IPv6."""
    networks = container.attrs["NetworkSettings"].get("Networks") or {}
    return [net[key] for net in networks.values() for key in ("IPAddress", "GlobalIPv6Address") if net.get(key)]


def open_sockets(container: Container) -> set[tuple[int, str]]:
    """The ports a container listens on beyond its own loopback."""
    return {(one.port, one.protocol) for one in container.listening() if not one.is_loopback}


def by_service(containers: Iterable[Container], of: Callable[[Container], Iterable[T]]) -> dict[str, set[T]]:
    """What each service's containers have, all of its replicas together."""
    found: dict[str, set[T]] = {}
    for container in containers:
        found.setdefault(container.service, set()).update(of(container))
    return found


@check(
    "SEC-NET-001",
    title="From outside the host only the edge's ports answer, container addresses tried too",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Loopback publishing is no wall: a routed neighbour reaches a container at its own address.",
    remediation="`python -m stack.ops firewall up`; publish on 127.0.0.1; stop what the host itself should not serve.",
    standards=("CIS-Docker 5.14", "OWASP-Docker 5a", "NIST SP 800-190 4.3.3"),
)
def test_only_the_edge_answers_outside(stack: Stack, outside: Outside, evidence: Evidence) -> None:
    containers = running_containers(stack)
    published = {
        (port, target.partition("/")[2]): container.service
        for container in containers
        for target, bindings in container.published().items()
        for _, port in bindings
    }
    at_host = reach.host_targets(outside.host_addresses, published)
    owners = {
        target: f"port {published[target.port, target.protocol]}"
        for target in at_host
        if (target.port, target.protocol) in published
    }
    at_containers = reach.container_targets(by_service(containers, every_address), by_service(containers, open_sockets))
    owners |= {target: f"container {service}" for target, service in at_containers.items()}
    edge = edge_service(stack)
    inside = {parsed(name) for name in ports_of_the_edge(stack, edge)} if edge else set()

    others = stack.driver.ports_of_others()
    with outside.answering() as own:
        seen = outside.probe([*at_host, *at_containers, *own], timeout_seconds=PROBE_SECONDS)
    others |= stack.driver.ports_of_others()  # they come and go meanwhile
    deaf = reach.unheard_families(seen)
    seen = {target: answer for target, answer in seen.items() if target not in own}

    seen = {
        target: answer
        for target, answer in seen.items()
        if target in owners or (target.port, target.protocol) not in others
    }
    problems = reach.exposed(seen, owners, edge_on_host(stack, containers), edge.name if edge else None, inside)
    unheard = reach.edge_silent(seen, owners, edge_on_host(stack, containers, loopback_too=False))
    if edge is not None and edge.name not in {container.service for container in containers}:
        unheard = f"{edge.name}, which is the edge, does not run: what it opens was not seen"
    elif deaf:
        unheard = f"nothing at all answered from outside over {' and '.join(deaf)}, so that silence proves nothing"
    addresses = sorted({target.address for target in seen})
    answered = sorted({str(target) for target, answer in seen.items() if answer == "open"})
    evidence.observed(
        f"{len(seen)} ports tried at {len(addresses)} addresses from outside; open: {', '.join(answered) or 'none'}"
    )
    evidence.measure("ports tried from outside", len(seen), "ports")
    if unheard and not problems:
        raise CannotTell(unheard)
    judge(
        [Finding(text, what=text, service=service) for service, text in problems],
        check="SEC-NET-001",
        evidence=evidence,
        profile=stack.profile,
    )


def parsed(name: str) -> tuple[int, str]:
    """`443/tcp` as a pair."""
    port, _, protocol = name.partition("/")
    return int(port), protocol


def edge_on_host(stack: Stack, containers: list[Container], *, loopback_too: bool = True) -> set[tuple[int, str]]:
    """The host's ports at which the edge's own ports are published; those on loopback alone can be left out."""
    edge = edge_service(stack)
    if edge is None:
        return set()
    allowed = ports_of_the_edge(stack, edge)
    return {
        (port, target.partition("/")[2])
        for container in containers
        if container.service == edge.name
        for target, bindings in container.published().items()
        if target in allowed
        for address, port in bindings
        if loopback_too or not is_loopback(address)
    }


def is_loopback(address: str) -> bool:
    """Whether a binding is on this machine's loopback only; an empty address is every address."""
    return address.startswith("127.") or address in ("::1", "[::1]", "localhost")


@check(
    "SEC-NET-002",
    title="Services reach each other exactly where the profile's flows say",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Whoever takes one service tries its neighbours next; each way that is not needed is a way for them.",
    remediation="Separate networks so that only declared flows have one in common; declare in [[flows]] what is needed.",
    standards=("CIS-Docker 5.30", "NIST SP 800-190 4.3.3"),
)
def test_services_reach_what_flows_say(stack: Stack, running: Stack, evidence: Evidence) -> None:
    flows = stack.profile.flows
    if flows is None:
        not_applicable(stack.profile.missing("[[flows]]"))
    containers = running_containers(running)
    ports = by_service(containers, open_sockets)
    for flow in flows:
        if flow.target in ports:
            ports[flow.target].add((flow.port, flow.protocol))
    targets = {
        Target(address, port, protocol): (container.service, port, protocol)
        for container in containers
        for address in every_address(container)
        for port, protocol in ports[container.service]
        if protocol == "tcp"
    }

    declared = {(flow.source, flow.target, flow.port, flow.protocol) for flow in flows}

    def from_inside(source: Container) -> dict[Way, bool]:
        return ways_from(source.service, namespaces.of_process(source.pid), targets, declared)

    with ThreadPoolExecutor(max_workers=8) as pool:
        tried = reach.every_replica(pool.map(from_inside, containers), declared)

    running_names = {container.service for container in containers}
    problems = reach.wrong_flows(tried, declared)
    # A job that has ended and a colour that waits are not there to be tried; who else is missing leaves its flows open.
    # From the host and from outside nobody is tried here: SEC-NET-001 and the edge's own checks do.
    absent = {service.name for service in stack.services if service.idle or service.one_shot} | stack.excluded
    absent |= {"host", "outside"}
    untried = [way for way in sorted(declared - tried.keys()) if not absent & {way[0], way[1]}]
    evidence.table("Reachability", ("port", "may reach it", "reach it", "do not"), reach.matrix(tried, declared))
    evidence.observed(
        f"{len(tried)} ways tried between {len(running_names)} services, {sum(tried.values())} work, {len(declared)} declared"
    )
    if untried and not problems:
        raise CannotTell(f"declared and not tried: {', '.join(map(reach.spoken, untried))} (it does not run, or is no TCP)")
    judge(
        [Finding(text, what=text, service=source) for source, text in problems],
        check="SEC-NET-002",
        evidence=evidence,
        profile=stack.profile,
    )


def ways_from(
    source: str, namespace: Path, targets: Mapping[Target, tuple[str, int, str]], declared: Collection[Way]
) -> dict[Way, bool]:
    """Which ways to others work from inside a service; what is declared and did not open is tried once more, patiently."""
    ways = {target: (source, *there) for target, there in targets.items() if there[0] != source}
    answers = namespaces.try_all(namespace, ways, timeout_seconds=PROBE_SECONDS)
    works = opened(answers, ways)
    late = [target for target, way in ways.items() if way in declared and not works.get(way, False)]
    if late:
        again = namespaces.try_all(namespace, late, timeout_seconds=PATIENT_SECONDS, batch=PATIENT_BATCH)
        works |= opened(again, ways)
    return works


def opened(answers: Mapping[Target, str], ways: Mapping[Target, Way]) -> dict[Way, bool]:
    """Whether each way that was tried is open at one of its addresses at least."""
    works: dict[Way, bool] = {}
    for target, answer in answers.items():
        works[ways[target]] = works.get(ways[target], False) or answer == "open"
    return works


@check(
    "SEC-NET-003",
    title="No service but those the profile names can reach the outside",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Stolen data has to leave somehow, and a second stage has to come from somewhere.",
    remediation="A bridge without masquerade, and `python -m stack.ops firewall up`; name who may in [egress] allowed.",
    standards=("NIST SP 800-190 4.3.3",),
)
def test_no_service_reaches_the_outside(stack: Stack, outside: Outside, evidence: Evidence) -> None:
    egress = stack.profile.egress
    if egress is None:
        not_applicable(stack.profile.missing("[egress] allowed = []"))
    containers = [container for container in running_containers(stack) if every_address(container)]
    # Each container tries ports of its own, so that a packet that arrives tells whose it is, whatever address it bears.
    ports = {20_000 + index: container for index, container in enumerate(containers)}

    with outside.arrivals() as arrived, ThreadPoolExecutor(max_workers=8) as pool:
        send_control()
        list(pool.map(lambda pair: send_outward(*pair), ports.items()))
        send_control()
        heard = arrived(PROBE_SECONDS)

    got_out = {(ports[port].service, family(source)): source for source, port in heard if port in ports}
    names = ", ".join(f"{service} as {source}" for (service, _), source in sorted(got_out.items()))
    evidence.observed(f"{len(containers)} containers sent to {' and '.join(SINKS)}; arrived: {names or 'nothing'}")
    deaf = families(containers) - {family(source) for source, port in heard if port == CONTROL_PORT}
    if not got_out and deaf:
        where = " and ".join(sink for sink in SINKS if family(sink) in deaf)
        raise CannotTell(f"not even the host's own packet to {where} was heard, so silence proves nothing")
    judge(
        [
            Finding(f"{service} reaches the outside: its packet arrived from {source}", what="egress", service=service)
            for (service, _), source in sorted(got_out.items())
            if service not in egress.allowed
        ],
        check="SEC-NET-003",
        evidence=evidence,
        profile=stack.profile,
    )


def family(address: str) -> str:
    """IPv4 or IPv6."""
    return "IPv6" if ":" in address else "IPv4"


def families(containers: Iterable[Container]) -> set[str]:
    """The address families that containers could send in; a container without any address has IPv4 to lose."""
    return {family(address) for container in containers for address in every_address(container)} or {"IPv4"}


def send_control() -> None:
    """Sends a UDP packet from the host itself to each address outside; one that is refused is just not heard."""
    for sink in SINKS:
        kind = socket.AF_INET6 if ":" in sink else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(kind, socket.SOCK_DGRAM) as own:
            own.sendto(b"\x00", (sink, CONTROL_PORT))


def send_outward(port: int, container: Container) -> Mapping[Target, str]:
    """Sends a TCP and a UDP packet from a container to each address outside."""
    targets = [Target(sink, port, protocol) for sink in SINKS for protocol in ("tcp", "udp")]
    return namespaces.try_all(namespaces.of_process(container.pid), targets, timeout_seconds=PROBE_SECONDS)
