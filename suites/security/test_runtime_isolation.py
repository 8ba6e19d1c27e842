"""How well the running containers are kept apart: limits, namespaces, access control, sockets, and drift."""

from __future__ import annotations

import contextlib
from pathlib import Path

from stack.errors import CannotTell
from stack.model import Container, Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.images import image_name
from suites.security.rules import drift, privileges, sockets
from suites.security.rules.finding import Finding, judge
from suites.security.running import containers_of

NAMESPACES = ("net", "pid", "ipc", "uts", "mnt")


@check(
    "SEC-RUN-006",
    title="Memory, CPU and PID limits are in force in the cgroup",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A limit that is only written down holds nothing.",
    remediation="mem_limit, cpus and pids_limit; look whether the host's kernel has the control group controllers enabled.",
    standards=("CIS-Docker 5.11", "CIS-Docker 5.12", "CIS-Docker 5.29", "OWASP-Docker 7"),
)
def test_limits_are_in_force(stack: Stack, service: Service, evidence: Evidence) -> None:
    offences = []
    for container in containers_of(stack, service):
        limits = container.cgroup_limits()
        evidence.observed(
            f"{container.name}: memory {limits.memory_bytes} B, CPU {limits.cpu_quota}, PIDs {limits.pids}"
        )
        for problem in privileges.missing_cgroup_limits(limits.memory_bytes, limits.cpu_quota, limits.pids):
            offences.append(Finding(f"{service.name}: {problem}", service.where, problem.partition(" ")[0]))
    judge(offences, check="SEC-RUN-006", evidence=evidence, profile=stack.profile, service=service.name)


@check(
    "SEC-RUN-008",
    title="No container shares a host namespace",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="In the host's namespaces a container sees the host's processes, sockets or shared memory.",
    remediation="Remove network_mode, pid, ipc, uts and userns_mode: host.",
    standards=("CIS-Docker 5.10", "CIS-Docker 5.16", "CIS-Docker 5.17", "CIS-Docker 5.21", "CIS-Docker 5.31"),
)
def test_container_has_namespaces_of_its_own(stack: Stack, service: Service, evidence: Evidence) -> None:
    offences = []
    for container in containers_of(stack, service):
        asked = dict(privileges.shared_namespaces(container.attrs["HostConfig"]))
        shared = asked | {kind: f"its {kind} namespace is the host's" for kind in observed_host_namespaces(container)}
        evidence.effective(f"{container.name}: {', '.join(asked.values()) or 'asked to share none'}")
        evidence.observed(f"{container.name}: shares {', '.join(sorted(shared)) or 'none'} with the host")
        offences += [
            Finding(f"{service.name}: {problem}", service.where, kind) for kind, problem in sorted(shared.items())
        ]
    judge(offences, check="SEC-RUN-008", evidence=evidence, profile=stack.profile, service=service.name)


def observed_host_namespaces(container: Container) -> list[str]:
    """The kinds of namespace a container shares with the host; CannotTell when that can't be compared."""
    return [kind for kind in NAMESPACES if container.namespace(kind) in host_namespaces(kind)]


def host_namespaces(kind: str) -> set[str]:
    """The identities that mean "the host's": the first process's, the engine's own and ours, as far as they can be read."""
    found = set()
    for process in ("1", engine_pid(), "self"):
        with contextlib.suppress(OSError):
            found.add(str(Path(f"/proc/{process}/ns/{kind}").readlink()))
    if not found:
        raise CannotTell(f"the host's {kind} namespace can't be read, so there is nothing to compare with")
    return found


def engine_pid() -> str:
    """The engine's process, where it says so; else our own stands in for it."""
    with contextlib.suppress(OSError):
        return Path("/var/run/docker.pid").read_text().strip()
    return "self"


@check(
    "SEC-RUN-009",
    title="A mandatory access control profile confines each container where the host has one",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="AppArmor or SELinux holds when a kernel permission check of another kind fails.",
    remediation="Remove apparmor:unconfined and label:disable; load the engine's default profile.",
    standards=("CIS-Docker 5.2", "CIS-Docker 5.3", "OWASP-Docker 6"),
)
def test_access_control_confines_the_container(stack: Stack, service: Service, evidence: Evidence) -> None:
    options = " ".join(stack.driver.info().get("SecurityOptions") or ())
    if "apparmor" not in options and "selinux" not in options:
        not_applicable("the host's kernel or engine has no mandatory access control (neither AppArmor nor SELinux)")
    offences = []
    for container in containers_of(stack, service):
        processes = container.processes()
        evidence.observed(f"{container.name}: {', '.join(sorted({str(process.apparmor) for process in processes}))}")
        offences += [
            Finding(f"{service.name}: {problem}", service.where) for problem in privileges.unconfined(processes)
        ]
    judge(offences, check="SEC-RUN-009", evidence=evidence, profile=stack.profile, service=service.name)


@check(
    "SEC-RUN-011",
    title="Listening sockets in each container are the declared ones",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A socket nobody declared is a service nobody patches, guards or watches: a debugger, an admin port, a backdoor.",
    remediation="Switch it off or bind it to 127.0.0.1; else declare it in profile.toml [services.X] listens, or in `expose:`.",
    standards=("CIS-Docker 5.9", "NIST SP 800-190 4.4.4"),
)
def test_listening_sockets_are_declared(stack: Stack, service: Service, evidence: Evidence) -> None:
    if service.config.get("network_mode") == "host":
        not_applicable(f"{service.name} shares the host's network, whose sockets are not its own: SEC-RUN-008 says so")
    offences = []
    for container in containers_of(stack, service):
        declared, source = declared_sockets(stack, service, container)
        heard = container.listening()
        evidence.declared(f"{service.name}: {', '.join(sorted(declared)) or 'none'} ({source})")
        evidence.observed(
            f"{container.name}: {', '.join(sorted({f'{s.address}:{s.port}/{s.protocol}' for s in heard})) or 'none'}"
        )
        offences += [
            Finding(
                f"{service.name}: listens on {socket}, declared: {', '.join(sorted(declared)) or 'none'} ({source})",
                service.where,
                socket,
            )
            for socket in sockets.undeclared(heard, declared)
        ]
    judge(offences, check="SEC-RUN-011", evidence=evidence, profile=stack.profile, service=service.name)


def declared_sockets(stack: Stack, service: Service, container: Container) -> tuple[frozenset[str], str]:
    """The ports a service may listen on, and who says so: the profile, else ports, expose and the image together."""
    promised = stack.profile.service(service.name).listens
    if promised is not None:
        return frozenset(promised), "profile"
    published = {f"{port.target}/{port.protocol}" for port in service.ports}
    exposed = {entry if "/" in entry else f"{entry}/tcp" for entry in map(str, service.config.get("expose") or ())}
    image = set(container.attrs["Config"].get("ExposedPorts") or {})
    return frozenset(published | exposed | image), "ports, expose and the image"


@check(
    "SEC-RUN-012",
    title="Running containers match the compose file: image ids, configuration, mounts, networks",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="What was changed by hand was never reviewed, and is gone at the next deployment.",
    remediation="Put the change into the compose file and `docker compose up -d`, or recreate the container.",
    standards=("NIST SP 800-190 4.3.2", "CIS-Controls 4.1"),
)
def test_containers_are_what_the_files_say(stack: Stack, evidence: Evidence) -> None:
    hashes = drift.config_hashes(stack.driver.compose("config", "--hash", "*").stdout)
    names = network_names(stack)
    known = {service.name: service for service in stack.services}
    offences = []
    running = stack.containers()
    if not running:
        raise CannotTell(f"no container of {stack.project} is running")
    for container in running:
        service = known.get(container.service)
        if service is None:
            offences.append(
                Finding(f"{container.name} belongs to {container.service}, which the compose files don't have")
            )
            continue
        problems = drift.differences(
            container.attrs,
            config_hash=hashes.get(service.name),
            image_id=current_image(stack, service),
            mounts=[mount.target for mount in service.mounts if mount.kind != "tmpfs"] + secret_targets(service),
            networks=[names.get(network, network) for network in service.networks],
        )
        evidence.effective(f"{container.name}: {'; '.join(problems) or 'as declared'}")
        offences += [
            Finding(f"{service.name}: {problem}", service.where, problem, service.name) for problem in problems
        ]
    judge(offences, check="SEC-RUN-012", evidence=evidence, profile=stack.profile)


def network_names(stack: Stack) -> dict[str, str]:
    """The engine's name of each declared network: as its label says where it is the project's own, else as declared."""
    declared = stack.rendered.get("networks") or {}
    names = {key: str((value or {}).get("name") or f"{stack.project}_{key}") for key, value in declared.items()}
    for network in stack.driver.networks():
        key = (network.get("Labels") or {}).get("com.docker.compose.network")
        if key in names and not (declared[key] or {}).get("external"):
            names[key] = str(network["Name"])
    return names


def current_image(stack: Stack, service: Service) -> str | None:
    """What the service's image name means on the engine now; None when the engine no longer has it."""
    try:
        return str(stack.driver.image(image_name(stack, service))["Id"])
    except CannotTell:
        return None


def secret_targets(service: Service) -> list[str]:
    """Where compose mounts the service's secrets and configs."""
    found = []
    for key, folder in (("secrets", "/run/secrets/"), ("configs", "/")):
        for entry in service.config.get(key) or ():
            target = str(entry.get("target") or entry.get("source")) if isinstance(entry, dict) else str(entry)
            found.append(target if target.startswith("/") else folder + target)
    return found
