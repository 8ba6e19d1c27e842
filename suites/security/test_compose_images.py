"""Where a service's image comes from: pinned, built here, fetched with care."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stack.errors import CannotTell
from stack.located import Where
from stack.model import Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security import images, said_once
from suites.security.rules import fetches, pins
from suites.security.rules.finding import Finding, judge


@check(
    "SEC-CMP-007",
    title="Images are pinned by digest, or built here from a pinned base; none is latest",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="A tag can be moved: what was tested is not what is pulled next.",
    remediation="Add `@sha256:…` to the image, or to the FROM line of the Dockerfile it is built from.",
    standards=("CIS-Docker 4.2", "OWASP-Docker 13", "SLSA"),
)
def test_image_is_pinned(stack: Stack, service: Service, evidence: Evidence) -> None:
    if service.build is None:
        evidence.declared(f"{service.name}: image {service.image}", service.where_of("image"))
    else:
        place = images.dockerfile(stack, service)
        evidence.declared(f"{service.name}: built from {place or service.build.get('context')}", service.where_of("build"))
        readable(stack, service)
    offences = said_once.findings(stack, service, pin_problems, check="SEC-CMP-007", evidence=evidence)

    judge(offences, check="SEC-CMP-007", evidence=evidence, profile=stack.profile, service=service.name)


def pin_problems(stack: Stack, service: Service) -> Iterator[tuple[Where | None, str, str]]:
    """Each image of a service that is not pinned: its own, or the bases it is built on."""
    ours = images.built_here(stack)
    image = service.image or ""
    if service.build is None:
        problem = None if pins.parse(image).name in ours else pins.image_problem(image)
        if problem:
            yield service.where_of("image"), problem, image
        return
    place = images.dockerfile(stack, service)
    # One that can't be read has none here: the check of its own service says that it could not tell.
    text = images.dockerfile_text(stack, service) or ""
    for line, problem in pins.base_problems(text, ours, images.build_arguments(service), images.contexts(service)):
        yield (Where(Path(place), line) if place else service.where_of("build")), problem, image


def readable(stack: Stack, service: Service) -> None:
    """Raises CannotTell for a service whose Dockerfile can't be read here: it is missing, or stands at a remote address."""
    if images.dockerfile_text(stack, service) is None:
        build = service.build or {}
        raise CannotTell(
            f"{service.name} is built from {build.get('context') or '.'}, and its "
            f"{build.get('dockerfile') or 'Dockerfile'} can't be read here"
        )


@check(
    "SEC-IMG-005",
    title="Dockerfiles fetch nothing unverified (ADD of a URL, curl piped to a shell)",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="What is downloaded without a checksum is whatever the other end, or somebody between, sends that day.",
    remediation="Use packages with signatures, or compare a checksum that stands in the Dockerfile (ADD --checksum=…).",
    standards=("CIS-Docker 4.9", "OWASP-Docker 13"),
)
def test_dockerfile_fetches_nothing_unverified(stack: Stack, service: Service, evidence: Evidence) -> None:
    if service.build is None:
        not_applicable(f"{service.name} is not built from a Dockerfile here")
    place = images.dockerfile(stack, service)
    evidence.declared(f"{service.name}: {place or 'no Dockerfile of its own'}", service.where_of("build"))
    readable(stack, service)
    offences = said_once.findings(stack, service, fetch_problems, check="SEC-IMG-005", evidence=evidence)

    judge(offences, check="SEC-IMG-005", evidence=evidence, profile=stack.profile, service=service.name)


def fetch_problems(stack: Stack, service: Service) -> Iterator[tuple[Where | None, str, str]]:
    """Each instruction of a service's Dockerfile that brings in something unverified."""
    place = images.dockerfile(stack, service)
    for line, problem in fetches.problems(images.dockerfile_text(stack, service) or ""):
        yield (Where(place, line) if place else service.where_of("build")), problem, ""


@check(
    "SEC-IMG-001",
    title="Images name a numeric non-root user",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="A name is looked up inside the image, where whoever made it decides what it means; no user means root.",
    remediation="USER 10001:10001 in the Dockerfile, or user: in the compose file.",
    standards=("CIS-Docker 4.1", "OWASP-Docker 2"),
)
def test_image_names_a_numeric_user(stack: Stack, service: Service, evidence: Evidence) -> None:
    if service.user:
        evidence.declared(f"{service.name}: the compose file gives user {service.user}", service.where_of("user"))
        return
    user = str((images.inspected(stack, service).get("Config") or {}).get("User") or "")
    evidence.effective(f"{service.name}: image user {user or 'not set'}")
    problem = pins.user_problem(user)
    offences = [Finding(f"{service.name}: {problem}", service.where_of("image"))] if problem else []

    judge(offences, check="SEC-IMG-001", evidence=evidence, profile=stack.profile, service=service.name)
