"""What the compose files promise of each service's life: health checks, restarts, logs and limits."""

from __future__ import annotations

from stack.errors import CannotTell
from stack.model import Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, not_applicable
from suites.security import images
from suites.security.rules import bounds, health
from suites.security.rules.finding import Finding, judge


@check(
    "SEC-CMP-001",
    title="Every service has a health check that can fail",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="Without a health check a hung service counts as up; with one that always succeeds it does so on paper.",
    remediation="Give the service a `healthcheck:` whose command proves that it does its work, or a HEALTHCHECK in its image.",
    standards=("CIS-Docker 4.6", "CIS-Docker 5.27", "OWASP-Docker 11"),
)
def test_service_has_a_health_check_that_can_fail(stack: Stack, service: Service, evidence: Evidence) -> None:
    if service.one_shot and not health.gives_test(service.healthcheck):
        not_applicable(f"{service.name} is a one-shot job: it ends, and its exit code is its health")

    problem, source = health_problem(stack, service, evidence)

    where = service.where_of("healthcheck")
    found = [Finding(f"{service.name}: {problem} ({source})", where)] if problem else []
    judge(found, check="SEC-CMP-001", evidence=evidence, profile=stack.profile, service=service.name)


def health_problem(stack: Stack, service: Service, evidence: Evidence) -> tuple[str | None, str]:
    """What is wrong with the health check that applies, and where it comes from: compose file, Dockerfile or image."""
    if health.gives_test(service.healthcheck):
        given = service.healthcheck or {}
        evidence.declared(
            f"{service.name}: compose file: {_program(given.get('test'))}", service.where_of("healthcheck")
        )
        return health.declared_problem(given), "compose file"
    text = images.dockerfile_text(stack, service)
    command = health.dockerfile_healthcheck(text) if text else None
    if command:
        evidence.declared(f"{service.name}: Dockerfile: HEALTHCHECK {_program(command)}")
        return health.why_dockerfile_check_cannot_fail(command), "Dockerfile"
    try:
        inherited = (images.inspected(stack, service).get("Config") or {}).get("Healthcheck") or {}
    except CannotTell as error:
        evidence.declared(f"{service.name}: compose file: no health check", service.where_of("healthcheck"))
        inconclusive(
            f"{service.name}: the compose file gives no health check, and whether the image has one can't be seen: {error}"
        )
    test = inherited.get("Test") or []
    if not test or test[0] == "NONE":
        return "no health check, in the compose file or in the image", "expected a command that can fail"
    evidence.effective(f"{service.name}: image: {_program(test)}")
    return health.why_it_cannot_fail(test), "image"


@check(
    "SEC-CMP-002",
    title="Every long-running service has a restart policy, log rotation, and memory, CPU and PID limits",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="One service without bounds can take the whole machine's memory, processors, process table or disk with it.",
    remediation="Set restart, logging.options.max-size, mem_limit, cpus and pids_limit (or their deploy.resources.limits).",
    standards=("CIS-Docker 5.11", "CIS-Docker 5.12", "CIS-Docker 5.15", "CIS-Docker 5.29", "OWASP-Docker 7"),
)
def test_service_is_bounded_and_comes_back(stack: Stack, service: Service, evidence: Evidence) -> None:
    if service.one_shot:
        not_applicable(
            f"{service.name} is a one-shot job, and nothing of a long-running service is expected of it: {service.role_reason}"
        )
    offences = []
    if not bounds.restarts(service.restart):
        offences.append(Finding(f"restart is {service.restart or 'not set'}", service.where_of("restart"), "restart"))
    log = bounds.log_problem(service.config.get("logging"))
    if log:
        offences.append(Finding(log, service.where_of("logging"), "logging"))
    lacking = bounds.missing_limits(service.config)
    for name in lacking:
        offences.append(Finding(f"no {name}", service.where_of("deploy", "resources", "limits"), name))

    evidence.declared(
        f"{service.name}: restart {service.restart or 'not set'}; log "
        f"{'is bounded' if log is None else 'is not'}; limits that are missing: {', '.join(lacking) or 'none'}"
    )
    named = [Finding(f"{service.name}: {one.text}", one.where, one.what) for one in offences]
    judge(named, check="SEC-CMP-002", evidence=evidence, profile=stack.profile, service=service.name)


def _program(test: object) -> str:
    """How a health check is run and by which program; its arguments can hold a password."""
    words = " ".join(map(str, test)) if isinstance(test, list) else str(test or "disabled")
    return " ".join(words.split()[:2])
