"""Whether a container can reach the engine's API: over a mounted socket, over TCP, or through a proxy that lets too much pass."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from stack import namespaces
from stack.errors import CannotTell
from stack.model import Container, Service, Stack
from stack.namespaces import Target
from suites.check import Area, Evidence, Impact, Level, Severity, check
from suites.security.rules import engine_api
from suites.security.rules.exposure import ENGINE_SOCKETS
from suites.security.rules.finding import Finding, judge
from suites.security.running import containers_of, inside, replicas

ENGINE_TCP_PORTS = (2375, 2376)


@pytest.fixture(scope="module")
def ways_of(running: Stack) -> Iterator[Callable[[Container], Future[list[tuple[str, str]]]]]:
    """Asks for every container at once: what does not answer takes a second each, and there may be many."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        asked: dict[str, Future[list[tuple[str, str]]]] = {
            container.id: pool.submit(lambda one: list(ways_by_network(running, one)), container)
            for container in running.containers()
        }
        yield lambda container: asked[container.id]


@check(
    "SEC-RUN-010",
    title="No container can reach the engine's API beyond the profile's read-only exception",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="The engine's API starts containers with the host's disk in them: who reaches it is root on the host.",
    remediation="Mount no engine socket; let one filtering proxy hold it, and only its clients reach that proxy.",
    standards=("CIS-Docker 5.32", "OWASP-Docker 1"),
)
def test_container_cannot_command_the_engine(
    stack: Stack, service: Service, ways_of: Callable[[Container], Future[list[tuple[str, str]]]], evidence: Evidence
) -> None:
    offences = []
    for container in containers_of(stack, service):
        sockets = sorted(set(engine_sockets(container)))
        offences += [
            Finding(f"{service.name}: the engine's socket is at {path}", service.where, path, service.name)
            for path in sockets
            if stack.profile.excepted("SEC-CMP-006", service.name, path) is None
        ]
        ways = ways_of(container).result()
        offences += [Finding(text, service.where, what, service.name) for what, text in ways if text]
        tcp = ", ".join(what for what, _ in ways) or "none"
        evidence.observed(f"{container.name}: engine sockets: {', '.join(sockets) or 'none'}; answering on TCP: {tcp}")
    judge(offences, check="SEC-RUN-010", evidence=evidence, profile=stack.profile, service=service.name)


def engine_sockets(container: Container) -> Iterator[str]:
    """The host's engine sockets that are visible in a container: by its mounts, and by looking."""
    for mount in container.attrs.get("Mounts") or ():
        source = str(mount.get("Source", ""))
        if source in ENGINE_SOCKETS:
            yield source
    if not container.driver.is_local():
        return
    for path in ENGINE_SOCKETS:
        try:
            if stat.S_ISSOCK(inside(container, path).lstat().st_mode):
                yield path
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise CannotTell(f"{container.name}: {path} can't be looked for ({error.strerror})") from error


def ways_by_network(stack: Stack, container: Container) -> Iterator[tuple[str, str]]:
    """Each engine API or proxy that answers a container over TCP, with what is wrong about it (empty: nothing is)."""
    if not container.driver.is_local():
        raise CannotTell("the engine is on another machine: a container's network can't be entered from here")
    service = container.service
    namespace = namespaces.of_process(container.pid)
    networks = container.attrs["NetworkSettings"].get("Networks") or {}
    gateways = {str(net["Gateway"]) for net in networks.values() if net.get("Gateway")}
    engines = [Target(gateway, port) for gateway in sorted(gateways) for port in ENGINE_TCP_PORTS]
    proxies = {
        Target(address, port): proxy.name
        for proxy in stack.by_role("engine-proxy")
        if proxy.name != service
        for replica in replicas(stack, proxy.name)
        for address in replica.addresses().values()
        for port in ENGINE_TCP_PORTS
    }
    seen = namespaces.try_all(namespace, [*engines, *proxies])
    for target, answer in seen.items():
        if answer != "open":
            continue
        if target not in proxies:
            yield str(target), f"{service}: the engine's API answers at {target}"
        elif not may_use(stack, service, proxies[target], target.port):
            yield str(target), f"{service} reaches {proxies[target]} at {target}, and no flow says it may"
        else:
            problems = [text for text in (passes(namespace, target, probe) for probe in engine_api.PROBES) if text]
            yield (
                str(target),
                f"{service}: {proxies[target]} lets too much pass: {'; '.join(problems)}" if problems else "",
            )


def may_use(stack: Stack, source: str, proxy: str, port: int) -> bool:
    """Whether the profile lets a service speak to the engine's proxy; without any flows declared its network decides."""
    flows = stack.profile.flows
    return flows is None or any((flow.source, flow.target, flow.port) == (source, proxy, port) for flow in flows)


def passes(namespace: Path, target: Target, probe: engine_api.Probe) -> str | None:
    """What a proxy wrongly does with a request that would change something; none of them can: their target does not exist."""
    opened = namespaces.sockets_in(namespace, [(target.family, socket.SOCK_STREAM, 0)])[0]
    with opened:
        opened.settimeout(3)
        try:
            opened.connect((target.address, target.port))
            opened.sendall(probe.message())
            first = opened.recv(4096)
        except OSError as error:
            raise CannotTell(f"{target} did not answer {probe}: {error}") from error
    return engine_api.problem(probe, first)
