"""How many series each target may bring: one label with a value per request fills the store, and takes every alert with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import yaml

from stack.clients.prometheus import Target
from suites.check import Area, Evidence, Impact, Level, Severity, check, needs, over
from suites.observability.test_targets import scraped, stores

if TYPE_CHECKING:
    from stack.model import Stack

_REFUSED = "sample limit exceeded"
"""How Prometheus words a scrape that it refused for its size (scrape.go, errSampleLimit)."""


@check(
    "OBS-CARD-001",
    title="Series per target stay within bounds",
    area=Area.OBSERVABILITY,
    severity=Severity.MEDIUM,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Whoever can invent label values can fill the metrics store, and a store that is killed for its memory alerts nobody.",
    remediation="Set sample_limit (global or of the job) above what the targets bring; label by route and never by path or user.",
)
@needs("prometheus")
@over("store", stores, reason="the stack has no metrics store: `[metrics] service = …` in a profile would enable it")
def test_series_per_target_are_bounded(stack: Stack, store: str, evidence: Evidence) -> None:
    prometheus = stack.prometheus
    targets = [one for one in scraped(stack) if one.labels.get("service", one.job) not in stack.excluded]
    limits = limits_of(yaml.safe_load(prometheus.config()))
    counted = {
        (sample.labels.get("job", ""), sample.labels.get("instance", "")): sample.value
        for sample in prometheus.query("scrape_samples_post_metric_relabeling")
    }

    evidence.table(
        "Series per target",
        ("job", "target", "series", "bound"),
        [
            (
                one.job,
                one.instance,
                f"{counted.get((one.job, one.instance), 0):.0f}",
                str(limits.get(one.job) or "none"),
            )
            for one in targets
        ],
    )
    assert targets, f"{store} has no target at all"
    wrong = over_the_bound(targets, limits, counted)
    assert not wrong, "; ".join(wrong)


def limits_of(config: Mapping[str, Any]) -> dict[str, int]:
    """The most series a scrape of each job may bring, by prometheus.yml; 0: as many as it likes."""
    world = int((config.get("global") or {}).get("sample_limit") or 0)
    return {job["job_name"]: int(job.get("sample_limit") or world) for job in config.get("scrape_configs") or []}


def over_the_bound(
    targets: Iterable[Target], limits: Mapping[str, int], counted: Mapping[tuple[str, str], float]
) -> list[str]:
    """Which targets bring more than their bound, were refused for it, or have none: sentences."""
    wrong = []
    for one in targets:
        limit, count = limits.get(one.job, 0), counted.get((one.job, one.instance), 0)
        if not limit:
            wrong.append(f"{one.job} {one.instance} brings {count:.0f} series, and no sample_limit bounds it")
        elif count > limit or _REFUSED in one.last_error:
            wrong.append(f"{one.job} {one.instance} brings more series than it may, expected {limit} at most")
    return wrong
