"""The wallet exporter while a wallet dies: money that nobody can see any more must not go on being drawn."""

from __future__ import annotations

import random
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import yaml

from chaos.faults.container import Paused, Stopped
from chaos.injection import injected
from stack.errors import CannotTell
from stack.timescale import milliseconds
from stack.waiting import eventually
from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, needs, over
from suites.observability.dying import UP, Death, complaints, gauges, miscounted
from suites.observability.exposition import Exposition, of_wallets, wallet_exporter
from suites.observability.test_exporter import wallets

if TYPE_CHECKING:
    from stack.model import Stack

_DEATHS = {"paused": Paused, "stopped": Stopped}
"""One that hangs with its connections open, and one whose very address is gone: exporters tend to bear one of them."""
_DEFAULT_TIMEOUT = timedelta(seconds=10)
"""Prometheus's own, where the stack has no metrics store to ask."""
_BACK_WITHIN = timedelta(seconds=20)
_KNOWN_WITHIN = timedelta(seconds=10)


@check(
    "OBS-EXP-002",
    title="A dead wallet is reported down at once, without stale values and without delaying the others",
    area=Area.OBSERVABILITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="A last value that stays looks like a healthy balance, and one hung wallet must not blind the watch over all.",
    remediation="Collect at scrape, ask all wallets at the same time under one deadline, and leave out what was not answered.",
)
@needs("monero-exporter")
@over(
    "death",
    lambda stack: _DEATHS if wallets(stack) else (),
    reason="no wallet is declared: `[wallets.NAME]` in a profile would enable it",
)
def test_a_dead_wallet_is_reported_down(running: Stack, death: str, seed: int, evidence: Evidence) -> None:
    exporter = wallet_exporter(running)
    limit = scrape_timeout(running, exporter.service)
    names = wallets(running)
    victim = random.Random(f"{seed} {death}").choice(names)
    service = running.profile.wallets[victim].service
    before = of_wallets(running)
    if silent := [name for name in names if gauges(before, name).get(UP) != 1]:
        inconclusive(f"not steady beforehand, so no wallet died: {', '.join(silent)} had {UP} other than 1")

    with injected(_DEATHS[death](service), running):
        after = of_wallets(running)
    others = tuple(name for name in names if name != victim)
    found = Death(victim, others, before, after, _back(running, victim), limit.total_seconds())

    evidence.effective(f"the metrics store gives a scrape of {exporter.service} up after {limit.total_seconds():g} s")
    evidence.observed(f"{service} {death}: of {victim} the exporter tells {gauges(after, victim) or 'nothing'}")
    evidence.measure(f"Scrape with {victim} {death}", after.seconds, "s", objective=limit.total_seconds())
    wrong = complaints(found)
    assert not wrong, f"{victim} {death}: " + "; ".join(wrong)


def _back(stack: Stack, victim: str) -> Exposition:
    """A scrape in which the wallet is up again and no call is half counted; the last one where that takes too long."""
    latest: list[Exposition] = []

    def settled() -> bool:
        latest[:] = [of_wallets(stack)]
        return gauges(latest[0], victim).get(UP) == 1 and not miscounted(latest[0])

    with suppress(AssertionError):  # what is wrong with it by now is said by what it shows
        eventually(
            settled, within=_BACK_WITHIN, every=timedelta(milliseconds=500), what=f"{victim} is reported up again"
        )
    return latest[0]


def scrape_timeout(stack: Stack, exporter: str) -> timedelta:
    """When the stack's metrics store gives a scrape of the exporter up. Raises CannotTell when it can't be asked."""
    if stack.profile.metrics is None and not stack.by_role("metrics"):
        return _DEFAULT_TIMEOUT
    prometheus = stack.prometheus
    jobs: list[str] = []

    def found() -> bool:
        about = [one for one in prometheus.targets() if exporter in (one.labels.get("service"), _host(one.url))]
        jobs[:] = [one.job for one in about]
        return bool(jobs)

    try:
        # One that has just started knows its configuration before its targets.
        eventually(found, within=_KNOWN_WITHIN, every=timedelta(milliseconds=200), what=f"a target is {exporter}")
    except AssertionError as error:
        raise CannotTell(f"the metrics store does not scrape {exporter}, so nobody gives a scrape of it up") from error
    config = yaml.safe_load(prometheus.config())
    said: dict[str, Any] = next((one for one in config.get("scrape_configs") or () if one["job_name"] in jobs), {})
    told = said.get("scrape_timeout") or (config.get("global") or {}).get("scrape_timeout")
    return timedelta(milliseconds=milliseconds(told)) if told else _DEFAULT_TIMEOUT


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].partition(":")[0]
