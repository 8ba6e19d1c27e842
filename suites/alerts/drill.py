"""Run causes against the scaled copy of the alerting, and write down when each alert reached somebody and when it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from chaos.effect import Fault
from chaos.faults import make
from chaos.injection import injected
from stack.clients.receiver import DeliveredAlert
from stack.errors import CannotTell
from stack.waiting import pause
from suites.alerts.bounds import Timers, timers
from suites.alerts.scaled_copy import Drill

if TYPE_CHECKING:
    from stack.model import Stack
    from stack.promises import Expectation

GRACE = timedelta(seconds=1)
"""What an alert may take beyond its computed bound: delivery itself, and the stopwatch's own resolution."""
_EVERY = 0.2
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_STRING = re.compile(r'"(?:\\.|[^"\\])*"')


@dataclass
class Heard:
    """One alert expected of one cause: when the cause began and ended, and when the receiver heard of both."""

    alert: str
    target: str
    timers: Timers
    caused: datetime | None = None
    """When the cause stood: a service that is stopped in order still answers while it stops (up to 2 s, measured under load)."""
    fired: datetime | None = None
    reverting: datetime | None = None
    """Right before the cause began to be undone: until then it stood."""
    mended: datetime | None = None
    """When its end was proved."""
    early: datetime | None = None
    """When the receiver was told that it is over though the cause still stood."""
    resolved: datetime | None = None
    said: DeliveredAlert | None = None

    @property
    def fire_seconds(self) -> float | None:
        """From the cause to the receiver."""
        return (self.fired - self.caused).total_seconds() if self.fired and self.caused else None

    @property
    def resolve_seconds(self) -> float | None:
        """From the mended cause to the receiver; 0 when it was told between the revert and the proof of it."""
        return max(0.0, (self.resolved - self.mended).total_seconds()) if self.resolved and self.mended else None


@dataclass
class Trial:
    """What became of one row of the profile's fault-to-alert matrix."""

    expectation: Expectation
    fault: Fault
    heard: list[Heard]
    noise: set[str] = field(default_factory=set)
    """Alerts that reached the receiver during the drill and that no row of it expects."""
    broken_silence: tuple[str, ...] = ()
    """What was delivered about this row's target or its consequences, though the row says that it must not be: sentences."""


def trials(stack: Stack) -> list[Expectation]:
    """The rows of the matrix whose target is part of this run."""
    active = {service.name for service in stack.services}
    return [row for row in stack.profile.alerts.expect if row.target in active and row.fires]


def expected_alerts(stack: Stack) -> list[str]:
    """The alerts that the rows of this run expect, each once."""
    return list(dict.fromkeys(name for row in trials(stack) for name in row.fires))


def run(running: Drill, rows: Sequence[Expectation]) -> list[Trial]:
    """Cause everything at once, wait for what is expected, mend everything, wait for the end of it.

    Causes share a run because they don't touch each other's targets; what a row may not set off is judged over all.
    """
    stack = running.stack
    prepared = [_trial(running, row) for row in rows]
    began = datetime.now(UTC)
    every = [heard for trial in prepared for heard in trial.heard]
    with ExitStack() as faults:
        for trial in prepared:
            stands(faults, injected(trial.fault, stack), trial.heard)
        _listen(stack, every, began, "firing", within=patience_for(h.timers.fire for h in every))
    _listen(stack, every, began, "resolved", within=patience_for(h.timers.resolve for h in every))
    delivered = [alert for _, alert in _drills(stack, began)]
    expected = {name for row in rows for name in row.fires} | {stack.profile.alerts.watchdog or "Watchdog"}
    noise = {alert.name for alert in delivered} - expected
    for trial in prepared:
        trial.noise = noise
        trial.broken_silence = broken_silence(trial.expectation, rows, delivered)
    return prepared


def broken_silence(row: Expectation, rows: Sequence[Expectation], delivered: Iterable[DeliveredAlert]) -> tuple[str, ...]:
    """What was told of a row's cause though it must stay silent: each as a sentence, once.

    An alert that the row wants silent is its noise when it is about the row's target, or about anybody whose own row
    does not expect it: nothing else was caused, so it is a consequence.
    """
    said = []
    for alert in delivered:
        if alert.name not in row.silent or alert.status != "firing":
            continue
        if is_about(alert, row.target):
            said.append(f"{alert.name} about {row.target}")
        elif not any(alert.name in other.fires and is_about(alert, other.target) for other in rows):
            said.append(f"{alert.name} about {alert.labels.get('service') or 'nobody named'}, a consequence")
    return tuple(dict.fromkeys(said))


def stands(faults: ExitStack, cause: AbstractContextManager[object], every: Sequence[Heard]) -> None:
    """Let a cause stand until `faults` ends, and stamp when it stood, when its revert began, and when that was proved."""
    faults.callback(_stamp, every, "mended")  # runs right after this fault's own revert and proof
    faults.enter_context(cause)
    _stamp(every, "caused")
    faults.callback(_stamp, every, "reverting")  # runs right before the revert


def _stamp(every: Sequence[Heard], what: str) -> None:
    for heard in every:
        setattr(heard, what, datetime.now(UTC))


def _trial(running: Drill, row: Expectation) -> Trial:
    rules = {rule.name: rule for rule in running.prometheus.rules() if rule.kind == "alerting"}
    prometheus, alertmanager = running.prometheus.config(), running.alertmanager.config()
    heard = []
    for name in row.fires:
        if name not in rules:
            raise CannotTell(f"the profile expects {name} of {row.fault} {row.target}, and no such alert is loaded")
        rule = rules[name]
        labels = {**rule.labels, "alertname": name}
        job = _slowest_job(running, rule.expression, row.target, prometheus)
        heard.append(Heard(name, row.target, timers(prometheus, alertmanager, rule.for_seconds, labels, job=job)))
    return Trial(row, make(row.fault.lower(), {"service": row.target}), heard)


def _slowest_job(running: Drill, expression: str, target: str, config: str) -> str:
    """The job by which the cause is seen, from the series that the expression reads; the one scraped least often if several.

    Where series are filed under the target's own name those alone count: `up` has one for every job, and a bound for the
    slowest of all would let the others be late.
    """
    names = sorted(set(_METRIC.findall(_STRING.sub('""', expression))) & set(running.prometheus.metric_names()))
    if not names:
        return ""
    pairs = [
        (sample.labels.get("job", ""), sample.labels.get("service", ""))
        for sample in running.prometheus.query(f'count by (job, service) ({{__name__=~"{"|".join(names)}"}})')
    ]
    about = [job for job, service in pairs if service == target] or [job for job, _ in pairs]
    return max(about, key=lambda job: timers(config, "route: {}", 0, {}, job=job).scrape, default="")


def _listen(stack: Stack, every: list[Heard], since: datetime, status: str, *, within: timedelta) -> None:
    """Note the first delivery of each alert that is about its target; returns when all have come, or the time is up."""
    deadline = time.monotonic() + within.total_seconds()
    what = "fired" if status == "firing" else "resolved"
    while True:
        for arrived, alert in _drills(stack, since):
            for heard in every:
                hear(heard, arrived, alert, status)
        if all(getattr(heard, what) or heard.early for heard in every) or time.monotonic() >= deadline:
            return
        pause(_EVERY)


def hear(heard: Heard, arrived: datetime, alert: DeliveredAlert, status: str) -> None:
    """Note a delivery with this status, if it is the first about the alert's target.

    A resolved one counts only once the cause began to be undone; before that it is an alert that ended too early.
    """
    what = "fired" if status == "firing" else "resolved"
    if what == "resolved" and (heard.reverting is None or arrived < heard.reverting):
        what = "early"
    if alert.status == status and getattr(heard, what) is None and about(alert, heard):
        setattr(heard, what, arrived)
        heard.said = alert if status == "firing" else heard.said


def about(alert: DeliveredAlert, heard: Heard) -> bool:
    """Whether a delivered alert is the one expected: by name, and about the target."""
    return alert.name == heard.alert and is_about(alert, heard.target)


def is_about(alert: DeliveredAlert, target: str) -> bool:
    """Whether an alert's labels name the target (a colour stands for the server)."""
    service = alert.labels.get("service", "")
    return bool(service) and (target == service or target.startswith(f"{service}-"))


def _drills(stack: Stack, since: datetime) -> list[tuple[datetime, DeliveredAlert]]:
    """What the drill's own Prometheus told: the real one's alerts are not its."""
    return [(at, alert) for at, alert in stack.receiver.alerts(since) if alert.labels.get("drill") == "true"]


def patience_for(bounds: Iterable[timedelta]) -> timedelta:
    """How long a drill waits for what should take at most `bounds`: half as much again, so that lateness is measured.

    It is also by when an end must have been told. An end has no bound of its own to keep: how soon a service that was just
    started answers a scrape is the service's doing and not the alerting's.
    """
    return max(bounds, default=timedelta(0)) * 1.5 + timedelta(seconds=5)
