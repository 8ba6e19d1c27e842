"""Whether what the stack is made of is still mended by somebody."""

from __future__ import annotations

import datetime

from stack.model import Service, Stack
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, not_applicable
from suites.security.rules import pins, support
from suites.security.rules.finding import Finding, judge


def component(stack: Stack, service: Service) -> tuple[str, str] | None:
    """What a service is: the profile's word, else what a pulled image's name and tag tell; None when neither says."""
    said = stack.profile.service(service.name).component
    if said:
        return support.component_of(said)
    if service.build is not None or not service.image:
        return None
    image = pins.parse(service.image)
    found = support.component_of_image(image.name, image.tag or "")
    return found if support.find(*found) else None


@check(
    "SEC-SUP-001",
    title="Every component is supported by its vendor or by the distribution that ships it",
    area=Area.SECURITY,
    severity=Severity.MEDIUM,
    level=Level.DECLARED,
    impact=Impact.PASSIVE,
    rationale="The next hole in something nobody mends any more stays open.",
    remediation="Move to a supported version or to the successor; until then a waiver with an owner and a date.",
    standards=("OWASP-Top10 A06", "PCI-DSS 6.3.3"),
)
def test_component_is_supported(stack: Stack, service: Service, evidence: Evidence) -> None:
    found = component(stack, service)
    if found is None:
        not_applicable(
            f"{service.name}: nothing tells what it is: `[services.{service.name}] component = …` in a profile would"
        )
    row = support.find(*found)
    if row is None:
        inconclusive(f"{service.name}: the table of {support.as_of()} does not know {' '.join(found)}")

    until = f"until {row.until}" if row.until else "no end announced"
    evidence.declared(f"{service.name}: {' '.join(found)}: {until}, by {row.source}; table of {support.as_of()}")
    ended = row.ended(datetime.datetime.now(datetime.UTC).date())
    text = f"{service.name}: support of {' '.join(found)} ended on {row.until} ({row.source})"
    judge(
        [Finding(text, service.where_of("image"), found[0])] if ended else [],
        check="SEC-SUP-001",
        evidence=evidence,
        profile=stack.profile,
        service=service.name,
    )
