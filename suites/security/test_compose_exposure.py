"""What the compose files open: published ports, networks, and paths of the host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import PurePosixPath

from stack.located import Where
from stack.model import Port, Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security.edges import PUBLIC_WEB_PORTS, is_edge, ports_of_the_edge
from suites.security.rules import exposure
from suites.security.rules.finding import Finding, judge


@check(
    "SEC-CMP-004",
    title="Only the edge publishes ports beyond loopback, in any port syntax, IPv6 included",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="A published port goes past the host's own firewall: the engine's rules stand before it.",
    remediation='Bind it to loopback ("127.0.0.1:9090:9090"), or let services talk over a network and publish nothing.',
    standards=("CIS-Docker 5.14", "OWASP-Docker 5a"),
)
def test_service_publishes_only_what_the_edge_may(stack: Stack, service: Service, evidence: Evidence) -> None:
    allowed = ports_of_the_edge(stack, service)
    evidence.declared(f"{service.name}: {taken_for(service)}")
    offences = []
    for first, last, where in runs(service):
        shown, what = str(first), f"{first.target}/{first.protocol}"
        if last is not first:
            shown, what = f"{first} to {last}", f"{first.target}-{last.target}/{first.protocol}"
        if first.is_loopback:
            evidence.declared(f"{service.name}: {shown} is on loopback alone")
        elif what in allowed:
            evidence.declared(f"{service.name}: {shown} is the edge's", where)
        else:
            text = f"{service.name}: {shown} is published on {reach(first)}, expected {instead(stack, service, first)}"
            offences.append(Finding(text, where, what))

    judge(offences, check="SEC-CMP-004", evidence=evidence, profile=stack.profile, service=service.name)


def runs(service: Service) -> Iterator[tuple[Port, Port, Where | None]]:
    """The first and the last port of each entry, with its place: a range is one thing, however many ports it has."""
    entries: list[tuple[Where | None, list[Port]]] = []
    for index, port in enumerate(service.ports):
        where = service.where_of("ports", index)
        before = entries[-1][1][-1] if entries else None
        follows = before and (before.host_ip, before.protocol, before.target + 1) == (
            port.host_ip,
            port.protocol,
            port.target,
        )
        if follows and entries[-1][0] == where:
            entries[-1][1].append(port)
        else:
            entries.append((where, [port]))
    for where, ports in entries:
        yield ports[0], ports[-1], where


def instead(stack: Stack, service: Service, port: Port) -> str:
    """What was expected of a port: loopback, or of the edge that it is the web's or named in a profile."""
    if not is_edge(stack, service):
        return f"loopback ({role_of(stack, service, port)})"
    named = f'public_ports = ["{port.target}/{port.protocol}"]'
    return f"the web's ports alone of the edge ({taken_for(service)}); if this one is public too, a profile says so: [stack] {named}"


def taken_for(service: Service) -> str:
    """The role of a service, and what it was told by."""
    return f"taken for {service.role}: {service.role_reason}"


def role_of(stack: Stack, service: Service, port: Port) -> str:
    """What the service is taken for and why, and which line would make it the edge if that is what it is."""
    told = taken_for(service)
    is_web = f"{port.target}/{port.protocol}" in exposure.WEB_PORTS or port.published in PUBLIC_WEB_PORTS
    if stack.profile.stack.edge or is_edge(stack, service) or service.role != "application" or not is_web:
        return told
    return f'{told}; if it is what faces the internet, a profile says so: [stack] edge = "{service.name}"'


def reach(port: Port) -> str:
    """Who can reach a published port, in words."""
    if port.host_ip in ("", "0.0.0.0", "::", "[::]"):
        return "every address of the host" + (", IPv6 included" if port.host_ip != "0.0.0.0" else "")
    return port.host_ip


@check(
    "SEC-CMP-005",
    title="No service is on the default network, and each joins only the networks its declared flows need",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="On a network that everybody shares, one broken service can speak to all others.",
    remediation="Name the networks a service needs for its flows (profile.toml [[flows]]), and leave the others.",
    standards=("CIS-Docker 5.30", "OWASP-Docker 5"),
)
def test_service_joins_only_the_networks_it_needs(stack: Stack, service: Service, evidence: Evidence) -> None:
    offences = []
    if "default" in service.networks:
        text = f"{service.name}: on the default network, which every service without `networks:` shares"
        offences.append(Finding(text, service.where_of("networks"), "default"))
    flows = stack.profile.flows
    if flows is None:
        evidence.declared(stack.profile.missing("[[flows]]"))
    else:
        pairs = [(flow.source, flow.target) for flow in flows]
        networks = {one.name: one.networks for one in stack.services}
        for network in exposure.unneeded_networks(service.name, service.networks, members_of(stack), pairs):
            text = f"{service.name}: joins {network}, but no declared flow of it has its other end there"
            offences.append(Finding(text, service.where_of("networks", network), network))
        own = [(flow.source, flow.target, flow.port) for flow in flows if flow.source == service.name]
        offences += [Finding(text, service.where_of("networks")) for text in exposure.impossible_flows(own, networks)]
        evidence.declared(
            f"{service.name}: networks {', '.join(service.networks) or 'none'}, for {len(own)} flows of its own"
        )

    judge(offences, check="SEC-CMP-005", evidence=evidence, profile=stack.profile, service=service.name)


def members_of(stack: Stack) -> dict[str, list[str]]:
    """The services on each network."""
    members: dict[str, list[str]] = defaultdict(list)
    for service in stack.services:
        for network in service.networks:
            members[network].append(service.name)
    return dict(members)


@check(
    "SEC-CMP-006",
    title="No engine socket or sensitive host path is mounted, but for exceptions the profile names with a reason",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="Whoever can write to the engine's socket or to the host's own files is root on the host.",
    remediation="Mount only what the service owns; put a filtering proxy before the socket; name an exception with its reason.",
    standards=("CIS-Docker 5.6", "CIS-Docker 5.32", "OWASP-Docker 1"),
)
def test_service_mounts_nothing_of_the_host(stack: Stack, service: Service, evidence: Evidence) -> None:
    offences = []
    project = PurePosixPath(stack.declared.folder)
    binds = []
    for index, source, read_only, named in host_paths(stack, service):
        binds.append(f"{source}{named}{' (ro)' if read_only else ''}")
        problem = exposure.host_path_problem(source, read_only=read_only, project=project)
        if problem and exposure.is_its_work(service.role, source, read_only=read_only):
            evidence.declared(f"considered: {problem}, which is what a {service.role} reads ({service.role_reason})")
        elif problem:
            offences.append(Finding(f"{service.name}: {problem}{named}", service.where_of("volumes", index), source))
    if str(service.config.get("use_api_socket")).lower() == "true":
        text = f"{service.name}: use_api_socket hands it the engine's socket: whoever controls the container controls the host"
        offences.append(Finding(text, service.where_of("use_api_socket"), "use_api_socket"))
    evidence.declared(f"{service.name}: host paths {', '.join(binds) or 'none'}")

    judge(offences, check="SEC-CMP-006", evidence=evidence, profile=stack.profile, service=service.name)


def host_paths(stack: Stack, service: Service) -> Iterator[tuple[int, str, bool, str]]:
    """What a service mounts of the host: the mount's place in the list, the path, whether read-only, and the volume that hides it."""
    volumes = stack.rendered.get("volumes") or {}
    for index, mount in enumerate(service.mounts):
        if mount.kind == "bind":
            yield index, mount.source, mount.read_only, ""
        elif mount.kind == "volume" and (hidden := exposure.host_source(volumes.get(mount.source) or {})):
            source, read_only = hidden
            yield index, source, read_only or mount.read_only, f" (as the volume {mount.source})"
