"""Logs that are all there: what a container writes is in the store soon, and can be found by its service's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, over
from suites.observability.shipping import Shipped, services

if TYPE_CHECKING:
    from stack.model import Service, Stack


@check(
    "OBS-LOG-001",
    title="A line logged by any service is found in Loki within ten seconds with its labels",
    area=Area.OBSERVABILITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.INTRUSIVE,
    rationale="After an incident, the lines that never arrived are the ones that matter.",
    remediation="Look at the shipper's own log and targets: does it see the container, does the store take its batches?",
)
@over("service", services, reason="the stack has no log store: `[logs] service = …` in a profile would enable it")
def test_a_line_is_found_with_its_labels(
    stack: Stack, service: Service, shipped: dict[str, Shipped], evidence: Evidence
) -> None:
    line = shipped[service.name]
    limit = stack.profile.objectives.log_delay_seconds
    if line.logged is None:
        inconclusive(f"{service.name}: no line could be put on its output: {line.trouble}")
    if line.found_seconds is not None:
        evidence.measure(f"Log delay of {service.name}", line.found_seconds, "s", objective=limit)
        evidence.observed(f"found by {dict(line.labels or {})}")

    assert line.found_seconds is not None, f"{service.name}: a line it logged was not in the store {limit:g} s later"
    assert line.found_seconds <= limit, (
        f"{service.name}: its line took {line.found_seconds:.1f} s, expected {limit:g} s"
    )
    wrong = mislabelled(line.labels or {}, project=stack.project, service=service.name)
    assert not wrong, f"{service.name}: {'; '.join(wrong)}"


def mislabelled(labels: Mapping[str, str], *, project: str, service: str) -> list[str]:
    """Which labels a line lacks by which one would look for it."""
    wanted = {"project": project, "service": service}
    wrong = [
        f"label {key} is {labels.get(key)!r}, expected {value!r}"
        for key, value in wanted.items()
        if labels.get(key) != value
    ]
    return wrong + [f"has no label {key}" for key in ("container", "stream") if not labels.get(key)]
