"""What the processes in the running containers may do, by the kernel's own word."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable

from stack.errors import CannotTell
from stack.model import Container, Process, Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security.rules import privileges
from suites.security.rules.finding import Finding, judge
from suites.security.running import containers_of


def judge_processes(
    stack: Stack, service: Service, evidence: Evidence, check_id: str, rule: Callable[[Iterable[Process]], list[str]]
) -> None:
    """Asks a rule about every process of every replica of a service."""
    offences = []
    for container in containers_of(stack, service):
        processes = container.processes()
        offences += [
            Finding(f"{service.name}: {problem}", service.where, problem.partition(" ")[0])
            for problem in rule(processes)
        ]
        names = ", ".join(sorted({f"{process.name} uid {process.uid}" for process in processes}))
        evidence.observed(f"{container.name}: {len(processes)} processes: {names}")
    judge(offences, check=check_id, evidence=evidence, profile=stack.profile, service=service.name)


@check(
    "SEC-RUN-001",
    title="No process in any container runs as uid 0",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Root inside a container is one kernel bug from root outside.",
    remediation="Set a numeric `user:` for the service, or USER in its Dockerfile, and own the files it writes.",
    standards=("CIS-Docker 4.1", "OWASP-Docker 2"),
)
def test_no_process_runs_as_root(stack: Stack, service: Service, evidence: Evidence) -> None:
    evidence.declared(f"{service.name}: user: {service.user or 'not set, the image decides'}", service.where_of("user"))
    judge_processes(stack, service, evidence, "SEC-RUN-001", privileges.root_processes)


@check(
    "SEC-RUN-002",
    title="Effective capabilities are no more than declared",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A capability nobody asked for is a way out nobody watches.",
    remediation="cap_drop: [ALL], then cap_add what the service needs and say so in profile.toml [services.X] capabilities.",
    standards=("CIS-Docker 5.4", "OWASP-Docker 3"),
)
def test_effective_capabilities_are_declared(stack: Stack, service: Service, evidence: Evidence) -> None:
    allowed = privileges.allowed_capabilities(service.cap_add, service.cap_drop, service.privileged)
    promised = stack.profile.service(service.name).capabilities if service.name in stack.profile.services else None
    if promised is not None:
        named = {name.upper().removeprefix("CAP_") for name in promised}
        allowed = frozenset(named) if allowed is None else allowed & named
    said = "every capability" if allowed is None else ", ".join(sorted(allowed)) or "none"
    evidence.declared(f"{service.name}: {said} allowed", service.where_of("cap_add"))
    judge_processes(
        stack, service, evidence, "SEC-RUN-002", lambda found: privileges.excess_capabilities(found, allowed)
    )


@check(
    "SEC-RUN-003",
    title="No-new-privileges is on in every process",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Without it any setuid file in the image turns an ordinary process into root.",
    remediation='security_opt: ["no-new-privileges:true"], or "no-new-privileges": true in the engine\'s daemon.json.',
    standards=("CIS-Docker 5.26", "OWASP-Docker 4"),
)
def test_no_process_can_gain_privileges(stack: Stack, service: Service, evidence: Evidence) -> None:
    evidence.declared(f"{service.name}: security_opt {list(service.security_opt)}", service.where_of("security_opt"))
    judge_processes(stack, service, evidence, "SEC-RUN-003", privileges.may_gain_privileges)


@check(
    "SEC-RUN-004",
    title="A seccomp filter is active in every process",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="The filter keeps a container from some 40 system calls that most kernel escapes need.",
    remediation="Remove seccomp:unconfined and privileged; if one call is missing, allow that one in a profile of your own.",
    standards=("CIS-Docker 5.22", "OWASP-Docker 6"),
)
def test_every_process_is_behind_seccomp(stack: Stack, service: Service, evidence: Evidence) -> None:
    if all(container.attrs["HostConfig"].get("Privileged") for container in containers_of(stack, service)):
        not_applicable(f"{service.name} is privileged, which switches the filter off: SEC-RUN-007 says so")
    judge_processes(stack, service, evidence, "SEC-RUN-004", privileges.unfiltered)


@check(
    "SEC-RUN-005",
    title="The root file system is read-only (a write is tried)",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="Where nothing can be written, nothing can be planted.",
    remediation="read_only: true, with tmpfs for scratch paths and volumes for data.",
    standards=("CIS-Docker 5.13", "OWASP-Docker 8"),
)
def test_root_file_system_refuses_writes(stack: Stack, service: Service, evidence: Evidence) -> None:
    evidence.declared(f"{service.name}: read_only: {service.read_only}", service.where_of("read_only"))
    offences = []
    for container in containers_of(stack, service):
        evidence.effective(f"{container.name}: ReadonlyRootfs {container.attrs['HostConfig'].get('ReadonlyRootfs')}")
        answer = try_a_write(container)
        evidence.observed(f"{container.name}: creating a file in / answered: {answer}")
        if answer == "written":
            offences.append(Finding(f"{service.name}: a file could be written into /", service.where_of("read_only")))
    judge(offences, check="SEC-RUN-005", evidence=evidence, profile=stack.profile, service=service.name)


def try_a_write(container: Container) -> str:
    """What creating (and at once removing) a file in the container's / answers: `written`, or the kernel's refusal.

    Raises:
        CannotTell: the write was refused for a reason that says nothing of the file system.

    """
    name = f".seatrial-write-{secrets.token_hex(6)}"
    if container.driver.is_local() and os.geteuid() == 0:
        # Through /proc/<pid>/root the host's root writes into the container's own mount: no program is needed inside,
        # and permissions can't be mistaken for a read-only mount.
        path = f"/proc/{container.pid}/root/{name}"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        except OSError as error:
            if error.errno == errno.EROFS:
                return "read-only file system"
            raise CannotTell(f"{container.name}: a write into / could not be tried: {error.strerror}") from error
        os.unlink(path)
        return "written"
    done = container.exec(["touch", f"/{name}"], user="0")
    if done.code == 0:
        container.exec(["rm", "-f", f"/{name}"], user="0")
        return "written"
    if "read-only" in done.stderr.lower():
        return "read-only file system"
    raise CannotTell(f"{container.name}: a write into / could not be tried: {done.last_words()}")


@check(
    "SEC-RUN-007",
    title="No container is privileged or has host devices",
    area=Area.SECURITY,
    severity=Severity.CRITICAL,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="A privileged container has every capability and every device: it is the host.",
    remediation="Remove privileged and devices; grant the one capability or the one device that is needed, by name.",
    standards=("CIS-Docker 5.5", "CIS-Docker 5.18", "OWASP-Docker 3"),
)
def test_container_has_no_power_over_the_host(stack: Stack, service: Service, evidence: Evidence) -> None:
    evidence.declared(f"{service.name}: privileged: {service.privileged}", service.where_of("privileged"))
    offences = []
    for container in containers_of(stack, service):
        powers = privileges.host_powers(container.attrs["HostConfig"])
        evidence.effective(
            f"{container.name}: {', '.join(problem for _, problem in powers) or 'not privileged, no device'}"
        )
        offences += [
            Finding(f"{service.name}: {problem}", service.where_of("privileged"), thing) for thing, problem in powers
        ]
    judge(offences, check="SEC-RUN-007", evidence=evidence, profile=stack.profile, service=service.name)
