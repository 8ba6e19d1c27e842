"""Decides what should answer whom: targets to try, and what each answer means, as plain data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from stack.namespaces import Target

# Services that are looked for first by whoever scans an address (the ports of databases, caches, queues, engines,
# monitoring and remote access by IANA's registry or their makers' defaults).
WELL_KNOWN = (
    21, 22, 23, 25, 53, 80, 110, 111, 135, 139, 143, 389, 443, 445, 465, 587, 636, 873, 993, 995, 1025, 1433, 1521, 1883, 2049, 2181,
    2375, 2376, 2377, 2379, 2380, 3000, 3100, 3128, 3306, 3389, 4222, 4243, 5000, 5432, 5601, 5672, 5900, 5984, 6379, 6443, 7000, 7001,
    7946, 8000, 8080, 8081, 8086, 8123, 8443, 8888, 9000, 9042, 9080, 9090, 9091, 9092, 9093, 9100, 9113, 9115, 9200, 9300, 9418, 10250,
    11211, 15672, 18081, 18082, 18083, 18084, 25565, 27017, 50000,
)  # fmt: skip
WELL_KNOWN_UDP = (53, 69, 111, 123, 137, 161, 443, 500, 514, 1900, 4789, 5353)
REMOTE_ACCESS = 22
"""The one port beside the edge's that a host may answer on (the operator's way in)."""


def host_targets(addresses: Iterable[str], published: Collection[tuple[int, str]]) -> list[Target]:
    """What to try at the host's addresses: everything published, and the well-known ports."""
    ports = {(port, "tcp") for port in WELL_KNOWN} | {(port, "udp") for port in WELL_KNOWN_UDP} | set(published)
    return [Target(address, port, protocol) for address in addresses for port, protocol in sorted(ports)]


def container_targets(
    addresses: Mapping[str, Iterable[str]], ports: Mapping[str, Collection[tuple[int, str]]]
) -> dict[Target, str]:
    """What to try at the containers' own addresses, and whose each is: their own ports and a few well-known ones."""
    few = {(port, "tcp") for port in (22, 80, 443, 2375, 3306, 5432, 6379, 8000, 8080, 9090)}
    return {
        Target(address, port, protocol): service
        for service, own in addresses.items()
        for address in own
        for port, protocol in sorted(set(ports.get(service, ())) | few)
    }


def exposed(
    seen: Mapping[Target, str],
    owners: Mapping[Target, str],
    allowed_host: Collection[tuple[int, str]],
    edge: str | None,
    edge_ports: Collection[tuple[int, str]],
) -> list[tuple[str, str]]:
    """The (service, problem) of each thing that answered from outside and should not have.

    `owners` names the service of a container's address or of a published host port; `allowed_host` are the edge's
    published ports on the host, `edge_ports` its ports inside its container.
    """
    found = []
    for target, answer in seen.items():
        if answer != "open":
            continue
        owner = owners.get(target, "")
        port = (target.port, target.protocol)
        at_container = owner.startswith("container ")
        service = owner.removeprefix("container ").removeprefix("port ")
        if at_container and not (service == edge and port in edge_ports):
            found.append((service, f"{service} answers at its container's address {target}"))
        elif not at_container and port not in allowed_host and target.port != REMOTE_ACCESS:
            found.append(
                (service, f"{target} answers{f' ({service})' if service else ' (no container of this project)'}")
            )
    return found


def edge_silent(
    seen: Mapping[Target, str], owners: Mapping[Target, str], edge_on_host: Collection[tuple[int, str]]
) -> str | None:
    """Why silence elsewhere proves nothing: none of the edge's own TCP ports on the host answered; None when one did.

    `edge_on_host` are the host ports the edge publishes beyond loopback; without any there is nothing to hear.
    """
    tried = {
        target: answer
        for target, answer in seen.items()
        if target.protocol == "tcp"
        and (target.port, target.protocol) in edge_on_host
        and not owners.get(target, "").startswith("container ")
    }
    if not any(protocol == "tcp" for _, protocol in edge_on_host) or "open" in tried.values():
        return None
    ports = ", ".join(f"{port}/{protocol}" for port, protocol in sorted(edge_on_host))
    return f"not even the edge's own ports ({ports}) answered from outside, so that others are silent proves nothing"


def unheard_families(seen: Mapping[Target, str]) -> list[str]:
    """The address families of which not one target answered, by a connection or a refusal: there silence proves nothing."""
    heard = {family_of(target) for target, answer in seen.items() if answer != "silent"}
    return sorted({family_of(target) for target in seen} - heard)


def family_of(target: Target) -> str:
    """IPv4 or IPv6."""
    return "IPv6" if ":" in target.address else "IPv4"


def matrix(
    seen: Mapping[tuple[str, str, int, str], bool], declared: Collection[tuple[str, str, int, str]]
) -> list[tuple[str, str, str, str]]:
    """Every way that was tried, one row a port of a service: who may reach it, who does, and how many do not."""
    rows = []
    for target, port, protocol in sorted({key[1:] for key in seen}):
        ways = {source: works for (source, *way), works in seen.items() if tuple(way) == (target, port, protocol)}
        may = sorted(source for source in ways if (source, target, port, protocol) in declared)
        does = sorted(source for source, works in ways.items() if works)
        rows.append((f"{target}:{port}/{protocol}", ", ".join(may) or "nobody", ", ".join(does) or "nobody", str(len(ways) - len(does))))
    return rows


def every_replica(
    answers: Iterable[Mapping[tuple[str, str, int, str], bool]], declared: Collection[tuple[str, str, int, str]]
) -> dict[tuple[str, str, int, str], bool]:
    """One answer a way from those of a service's replicas: what is declared must work for each, anything else for none."""
    found: dict[tuple[str, str, int, str], bool] = {}
    for answer in answers:
        for way, works in answer.items():
            before = found.get(way, way in declared)
            found[way] = before and works if way in declared else before or works
    return found


def spoken(way: tuple[str, str, int, str]) -> str:
    """A way as a sentence has it."""
    source, target, port, protocol = way
    return f"{source} to {target}:{port}/{protocol}"


def wrong_flows(
    seen: Mapping[tuple[str, str, int, str], bool], declared: Collection[tuple[str, str, int, str]]
) -> list[tuple[str, str]]:
    """The (source, problem) of each flow that works though undeclared, or is declared and does not work.

    Keys are (source, target, port, protocol); what was not tried is no evidence and not listed: see who tries.
    """
    found = []
    for (source, target, port, protocol), works in sorted(seen.items()):
        wanted = (source, target, port, protocol) in declared
        if works and not wanted:
            found.append((source, f"{source} reaches {target}:{port}/{protocol}, and no flow says it may"))
        elif wanted and not works:
            found.append((source, f"{source} does not reach {target}:{port}/{protocol}, though a flow says it does"))
    return found
