"""What is declared to be measured is measured: a target that is down is a blind spot that looks like quiet."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from stack.clients.prometheus import Target
from stack.timescale import longest_round
from stack.waiting import eventually
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, needs, over

if TYPE_CHECKING:
    from stack.model import Service, Stack


def stores(stack: Stack) -> list[str]:
    """The service that keeps the metrics; empty when the stack has none."""
    said = stack.profile.metrics
    return [said.service] if said else [service.name for service in stack.by_role("metrics")][:1]


@check(
    "OBS-TGT-001",
    title="Every declared target is scraped and up",
    area=Area.OBSERVABILITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.PASSIVE,
    rationale="Alerts and graphs only know what is scraped. What is not scraped never looks bad.",
    remediation="Look at lastError of the target in Prometheus; add a scrape job for a service that has metrics and none.",
)
@needs("prometheus")
@over("store", stores, reason="the stack has no metrics store: `[metrics] service = …` in a profile would enable it")
def test_every_target_is_up(stack: Stack, store: str, evidence: Evidence) -> None:
    targets = scraped(stack)
    promised = [
        service for service in stack.services if stack.profile.service(service.name).metrics_path and not service.idle
    ]

    absent = [service.name for service in promised if not stack.driver.container_ids(service.name, all=True)]
    here = [service for service in promised if service.name not in absent]
    wrong = down(targets, stack.excluded) + unscraped(targets, here)

    evidence.declared(f"{len(promised)} services have metrics: {', '.join(service.name for service in promised)}")
    evidence.observed(f"{sum(target.is_up for target in targets)} of {len(targets)} targets are up")
    assert targets, f"{store} has no target at all"
    assert not wrong, "; ".join(wrong)
    if absent:
        inconclusive(f"{', '.join(absent)} was not brought up, so whether Prometheus would scrape it has no answer")


def scraped(stack: Stack) -> list[Target]:
    """The targets once each has had its chance: a stack that has just come up has not scraped everything yet."""
    prometheus = stack.prometheus
    latest: list[Target] = []

    def settled() -> bool:
        latest[:] = prometheus.targets()
        return bool(latest) and not down(latest, stack.excluded)

    with suppress(AssertionError):  # whatever is down by now is what the check is about
        eventually(
            settled, within=longest_round(prometheus.config()), every=timedelta(seconds=0.5), what="the first scrapes"
        )
    return latest


def down(targets: list[Target], excluded: frozenset[str]) -> list[str]:
    """The targets whose last scrape failed, and why; those of services excluded by name don't count."""
    about = [target for target in targets if target.labels.get("service", target.job) not in excluded]
    return [f"{t.job} {t.instance} is {t.health}: {t.last_error or 'not scraped yet'}" for t in about if not t.is_up]


def unscraped(targets: list[Target], promised: list[Service]) -> list[str]:
    """The services that have metrics by promise, and that no target is about."""
    about = {target.labels.get("service", "") for target in targets}
    hosts = {target.url.partition("://")[2].partition("/")[0].partition(":")[0] for target in targets}
    return [
        f"{service.name} has metrics, and Prometheus has no target for it"
        for service in promised
        if service.name not in about | hosts
    ]
