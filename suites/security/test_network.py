"""What can be reached by whom, tried with real packets: from outside the host, between services, and outward."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from stack import namespaces
from stack.errors import CannotTell
from stack.model import Container, Stack
from stack.namespaces import Target
from stack.vantage import EGRESS_SINK, Outside
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.edges import edge_service, ports_of_the_edge
from suites.security.rules import reach
from suites.security.rules.finding import Finding, judge

PROBE_SECONDS = 1.0


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
    return {(socket.port, socket.protocol) for socket in container.listening() if not socket.is_loopback}


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
    at_containers = reach.container_targets(
        {container.service: every_address(container) for container in containers},
        {container.service: open_sockets(container) for container in containers},
    )
    owners |= {target: f"container {service}" for target, service in at_containers.items()}
    edge = edge_service(stack)
    inside = {parsed(name) for name in ports_of_the_edge(stack, edge)} if edge else set()

    seen = outside.probe([*at_host, *at_containers], timeout_seconds=PROBE_SECONDS)

    others = stack.driver.ports_of_others()
    seen = {
        target: answer
        for target, answer in seen.items()
        if target in owners or (target.port, target.protocol) not in others
    }
    problems = reach.exposed(seen, owners, edge_on_host(stack, containers), edge.name if edge else None, inside)
    addresses = sorted({target.address for target in seen})
    answered = sorted({str(target) for target, answer in seen.items() if answer == "open"})
    evidence.observed(
        f"{len(seen)} ports tried at {len(addresses)} addresses from outside; open: {', '.join(answered) or 'none'}"
    )
    evidence.measure("ports tried from outside", len(seen), "ports")
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


def edge_on_host(stack: Stack, containers: list[Container]) -> set[tuple[int, str]]:
    """The host's ports at which the edge's own ports are published."""
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
        for _, port in bindings
    }


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
    ports = {container.service: open_sockets(container) for container in containers}
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

    def from_inside(source: Container) -> dict[tuple[str, str, int, str], bool]:
        wanted = [target for target, (service, _, _) in targets.items() if service != source.service]
        answers = namespaces.try_all(namespaces.of_process(source.pid), wanted, timeout_seconds=PROBE_SECONDS)
        works: dict[tuple[str, str, int, str], bool] = {}
        for target, answer in answers.items():
            service, port, protocol = targets[target]
            key = (source.service, service, port, protocol)
            works[key] = works.get(key, False) or answer == "open"
        return works

    with ThreadPoolExecutor(max_workers=8) as pool:
        seen = {key: works for found in pool.map(from_inside, containers) for key, works in found.items()}

    declared = {(flow.source, flow.target, flow.port, flow.protocol) for flow in flows}
    running_names = {container.service for container in containers}
    tried = {key: works for key, works in seen.items() if {key[0], key[1]} <= running_names}
    problems = reach.wrong_flows(tried, declared)
    rows = [
        (source, target, f"{port}/{protocol}", "open")
        for (source, target, port, protocol), works in sorted(tried.items())
        if works
    ]
    evidence.table("flows that work", ("from", "to", "port", "seen"), rows)
    evidence.observed(
        f"{len(tried)} ways tried between {len(running_names)} services, {len(rows)} work, {len(declared)} declared"
    )
    judge(
        [Finding(text, what=text, service=source) for source, text in problems],
        check="SEC-NET-002",
        evidence=evidence,
        profile=stack.profile,
    )


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
        list(pool.map(lambda pair: send_outward(*pair), ports.items()))
        heard = arrived(PROBE_SECONDS)

    got_out = {ports[port].service: source for source, port in heard if port in ports}
    names = ", ".join(f"{service} as {source}" for service, source in sorted(got_out.items()))
    evidence.observed(f"{len(containers)} containers sent to {EGRESS_SINK}; arrived: {names or 'nothing'}")
    judge(
        [
            Finding(f"{service} reaches the outside: its packet arrived from {source}", what="egress", service=service)
            for service, source in sorted(got_out.items())
            if service not in egress.allowed
        ],
        check="SEC-NET-003",
        evidence=evidence,
        profile=stack.profile,
    )


def send_outward(port: int, container: Container) -> Mapping[Target, str]:
    """Sends a TCP and a UDP packet from a container towards the outside namespace."""
    targets = [Target(EGRESS_SINK, port, protocol) for protocol in ("tcp", "udp")]
    return namespaces.try_all(namespaces.of_process(container.pid), targets, timeout_seconds=PROBE_SECONDS)
