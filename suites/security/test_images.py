"""What is in the images themselves: health checks, secrets, privileges, and what only building needed."""

from __future__ import annotations

import itertools

import pytest

from stack.errors import CannotTell
from stack.model import Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, not_applicable
from suites.security import images, layers
from suites.security.in_this_run import is_asked_for
from suites.security.rules import image_files, secret_values
from suites.security.rules.finding import Finding, judge
from suites.security.running import containers_of

SHOWN = 10
"""Files named of one image: more say the same, and a report is to be read."""


@check(
    "SEC-IMG-002",
    title="Images carry a health check or the compose file gives one",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="An image with its own check is watched wherever somebody starts it.",
    remediation="HEALTHCHECK in the Dockerfile, or healthcheck: in the compose file.",
    standards=("CIS-Docker 4.6",),
)
def test_image_carries_a_health_check(
    stack: Stack, service: Service, evidence: Evidence, request: pytest.FixtureRequest
) -> None:
    if service.one_shot:
        not_applicable(f"{service.name} is a one-shot job: it ends instead of being healthy")
    test = ((images.inspected(stack, service).get("Config") or {}).get("Healthcheck") or {}).get("Test") or []
    given = (service.healthcheck or {}).get("test") or []
    in_image, in_file = (bool(words) and words[0] != "NONE" for words in (test, given))
    evidence.effective(f"{service.name}: in the image: {in_image}; in the compose file: {in_file}")
    # Nothing at all is a missing health check, which the declared check tells with the weight it has.
    if not (in_image or in_file) and is_asked_for(request, "SEC-CMP-001"):
        not_applicable(f"{service.name} has no health check at all: SEC-CMP-001 says so in this run")
    offences = [] if in_image or in_file else [Finding(f"{service.name}: neither image nor compose file has a check")]
    judge(offences, check="SEC-IMG-002", evidence=evidence, profile=stack.profile, service=service.name)


@check(
    "SEC-IMG-003",
    title="No secret is in an image's layers, history, environment or labels",
    area=Area.SECURITY,
    severity=Severity.HIGH,
    level=Level.EFFECTIVE,
    impact=Impact.PASSIVE,
    rationale="Whoever can pull an image has every byte of every layer, also what a later layer deleted.",
    remediation="Build secrets by RUN --mount=type=secret; run-time secrets by mounted files; rotate what was baked in.",
    standards=("CIS-Docker 4.10", "OWASP-Docker 12", "CWE-538"),
)
def test_image_holds_no_secret(stack: Stack, service: Service, evidence: Evidence) -> None:
    config = images.inspected(stack, service).get("Config") or {}
    variables = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
    found = [(f"environment {name}", why) for name, why in secret_values.in_mapping(variables)]
    found += [(f"label {name}", why) for name, why in secret_values.in_mapping(config.get("Labels") or {})]
    for step in stack.driver.image_history(images.image_name(stack, service)):
        found += [(f"history: {word}", why) for word, why in secret_values.in_words(step.split())]
    read = 0
    for entry in itertools.chain.from_iterable(layer.files for layer in layers.of(stack, service)):
        if entry.size and image_files.may_hold_a_secret(entry.path):
            read += 1
            with entry.host.open("rb") as opened:
                why = image_files.secret_in(entry.path, opened.read(image_files.HEAD_BYTES))
            found += [(entry.path, why)] if why else []

    evidence.effective(f"{service.name}: {len(variables)} variables, labels, history and {read} files looked at")
    judge(
        [Finding(f"{service.name}: {place}: {why}", service.where_of("image"), place) for place, why in found[:SHOWN]],
        check="SEC-IMG-003", evidence=evidence, profile=stack.profile, service=service.name,
    )  # fmt: skip


@check(
    "SEC-IMG-004",
    title="Images hold no setuid or setgid file, or no-new-privileges makes it harmless",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="A setuid program is the shortest way from a service's user to root.",
    remediation='security_opt: ["no-new-privileges:true"]; RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +',
    standards=("CIS-Docker 4.8",),
)
def test_setuid_files_give_nothing(stack: Stack, service: Service, evidence: Evidence) -> None:
    held = [
        entry.path for entry in layers.visible(layers.of(stack, service)) if image_files.gives_privileges(entry.mode)
    ]
    named = ", ".join(sorted(held)[:SHOWN]) or "none"
    evidence.observed(f"{service.name}: {len(held)} setuid or setgid files: {named}")
    harmful = [
        container.name
        for container in (containers_of(stack, service) if held else ())
        if not all(process.no_new_privileges for process in container.processes())
    ]
    # That no-new-privileges is missing is SEC-RUN-003's finding; what makes it bite is this one's.
    offences = [Finding(f"{service.name}: {named} can be used in {name}", what=named) for name in harmful]
    judge(offences, check="SEC-IMG-004", evidence=evidence, profile=stack.profile, service=service.name)


@check(
    "SEC-IMG-006",
    title="Images carry no package cache, compiler or shell history",
    area=Area.SECURITY,
    severity=Severity.LOW,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="What only building needed is size for everybody and tools for an intruder.",
    remediation="Build in a stage of its own; remove caches in the same RUN that filled them.",
    standards=("OWASP-Docker 9", "CIS-Docker 4.3"),
)
def test_image_carries_nothing_that_only_building_needed(stack: Stack, service: Service, evidence: Evidence) -> None:
    kinds: dict[str, list[str]] = {}
    seen = 0
    for entry in layers.visible(layers.of(stack, service)):
        seen += 1
        kind = image_files.left_behind(entry.path)
        if kind:
            kinds.setdefault(kind, []).append(entry.path)
    if not seen:
        raise CannotTell(f"{service.name}: the image's layers hold no file")
    evidence.observed(f"{service.name}: {seen} files looked at")
    judge(
        [
            Finding(f"{service.name}: {kind}: {', '.join(sorted(paths)[:SHOWN])} ({len(paths)} in all)", what=kind)
            for kind, paths in kinds.items()
        ],
        check="SEC-IMG-006", evidence=evidence, profile=stack.profile, service=service.name,
    )  # fmt: skip
