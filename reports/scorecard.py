"""The scorecard: what the results of a run amount to, as a pure function, so that every rendering says the same.

Why this exists: a verdict must be arguable from the results alone, today and in a year. Nothing here reads a clock, a
file or a stack. The rules and their reasons are in docs/adr (outcomes and scoring).

One consequence is worth knowing: an unanswered medium check keeps a tier away (coverage), an answered FAIL of it only
costs its points. A weakness one knows is smaller than one that nobody looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from reports.boxes import BOXES, Box, BoxState, state_of
from reports.document import Run
from reports.gate import Gate, Obstacle, Tier, gates_from, obstacles
from reports.outcome import Outcome, Result, worst
from reports.waivers import LONGEST, Waiver, lifting
from suites.entry import Area, Check, Severity

if TYPE_CHECKING:
    from reports.history import Past

WEIGHTS = {Severity.CRITICAL: 10.0, Severity.HIGH: 7.5, Severity.MEDIUM: 5.0, Severity.LOW: 2.5}

_COUNTED = (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)


@dataclass(frozen=True)
class CheckScore:
    """One check with everything its instances came to. ``waivers`` are those in force that lift it, all of it."""

    entry: Check
    outcome: Outcome
    results: tuple[Result, ...]
    waivers: tuple[Waiver, ...] = ()
    excluded: bool = False
    ran: bool = True

    @property
    def revert_failed(self) -> bool:
        """Whether a fault of this check could not be shown to be gone."""
        return any(result.revert_failed for result in self.results)

    @property
    def stands(self) -> bool:
        """Whether it is a FAIL or INCONCLUSIVE that nobody answers for."""
        return self.outcome >= Outcome.INCONCLUSIVE and (not self.waivers or self.revert_failed)

    @property
    def reason(self) -> str:
        """Why the outcome is what it is: the reason of the first instance that has it."""
        return next((r.reason for r in self.results if r.outcome is self.outcome), "")

    @property
    def seconds(self) -> float:
        """The time all its instances took."""
        return sum(result.seconds for result in self.results)


@dataclass(frozen=True)
class Tally:
    """Score and coverage in per cent (None: nothing to assess), and how many checks had each outcome."""

    score: float | None
    coverage: float | None
    counts: Mapping[Outcome, int]
    excluded: int = 0


@dataclass(frozen=True)
class Scorecard:
    """What a release review reads; see :func:`score`. Checks are ordered: what blocks first, then by severity and
    id.
    """

    run: Run
    today: date
    tier: Tier
    total: Tally
    areas: Mapping[Area, Tally]
    checks: tuple[CheckScore, ...]
    boxes: tuple[tuple[Box, BoxState], ...]
    obstacles: Mapping[Tier, tuple[Obstacle, ...]]
    gates: tuple[Gate, ...]
    waivers: tuple[Waiver, ...]
    findings: tuple[str, ...]
    history: tuple[Past, ...] = ()
    """The verdicts before this one, oldest first; they are shown and decide nothing."""
    partial: int = 0
    """How many checks of the catalogue were not asked for, in a run that nobody asked a verdict of; 0: there is a
    verdict.
    """

    @property
    def verdict(self) -> str:
        """The sentence at the top."""
        if self.partial:
            return "NO VERDICT"
        return self.tier.words + (" WITH EXCLUSIONS" if self.run.exclusions else "")

    @property
    def blockers(self) -> tuple[Obstacle, ...]:
        """What stands between this release and the next tier; none at the highest."""
        return () if self.tier is Tier.PRODUCTION else self.obstacles[Tier(self.tier + 1)]


def score(
    catalogue: Iterable[Check], results: Run, waivers: Sequence[Waiver], today: date, *, partial: int = 0
) -> Scorecard:
    """Judge a run against the catalogue (what the run itself describes is added to it).

    A check of the catalogue without a result is INCONCLUSIVE. So is a planned instance without one; that can't be
    waived either, because nobody knows what it would have said.
    """
    entries = {one.id: one for one in catalogue} | {one.id: one for one in results.checks}
    by_id: dict[str, list[Result]] = defaultdict(list)
    for result in results.results:
        by_id[result.id].append(result)
    lost: dict[str, list[Result]] = defaultdict(list)
    there = {(one.id, one.subject) for one in results.results}
    for plan in results.planned:
        if (plan.id, plan.subject) not in there:
            lost[plan.id].append(_not_run(plan.id, plan.subject, results.ended))
    force = [one for one in waivers if one.in_force(today)]
    scored = [_check(entry, by_id[id_], lost[id_], force) for id_, entry in entries.items()]
    scored.sort(key=_rank)
    total = tally(scored)
    gates = gates_from(results.manifest.get("gates"))
    expired = [one.name for one in waivers if one.days_left(today) < 0]
    ways = {gate.tier: obstacles(gate, scored, total.score, results.ended, expired) for gate in gates}
    outcomes = {one.entry.id: one.outcome for one in scored if one.ran}
    return Scorecard(
        run=results,
        today=today,
        tier=Tier.NOT_READY if partial else _tier(ways),
        total=total,
        areas={area: tally([one for one in scored if one.entry.area is area]) for area in Area},
        checks=tuple(scored),
        boxes=tuple((box, state_of(box, outcomes)) for box in BOXES),
        obstacles=ways,
        gates=gates,
        waivers=tuple(waivers),
        findings=tuple(_findings(waivers, entries, scored, today)),
        partial=partial,
    )


def _not_run(id_: str, subject: str, why: str) -> Result:
    return Result(id_, subject, "", Outcome.INCONCLUSIVE, f"not run{f': {why}' if why else ''}")


def _check(entry: Check, had: list[Result], lost: list[Result], waivers: Sequence[Waiver]) -> CheckScore:
    every = sorted([*had, *lost], key=lambda one: (-one.outcome, one.subject)) or [_not_run(entry.id, "", "")]
    wanting = [one for one in every if one.outcome >= Outcome.INCONCLUSIVE]
    lifted = [lifting(one, waivers) for one in wanting]
    answered = bool(wanting) and all(lifted) and not lost
    return CheckScore(
        entry=entry,
        outcome=worst(one.outcome for one in every),
        results=tuple(every),
        waivers=tuple(dict.fromkeys(waiver for some in lifted for waiver in some)) if answered else (),
        excluded=all(one.excluded for one in every),
        ran=bool(had),
    )


def tally(checks: Sequence[CheckScore]) -> Tally:
    """Score and coverage of some checks, by the published weights."""
    counts = {outcome: sum(one.outcome is outcome for one in checks) for outcome in Outcome}
    weighed = [one for one in checks if one.outcome in _COUNTED]
    whole = sum(WEIGHTS[one.entry.severity] for one in weighed)
    won = sum(WEIGHTS[one.entry.severity] for one in weighed if one.outcome is Outcome.PASS)
    answered = counts[Outcome.PASS] + counts[Outcome.FAIL]
    return Tally(
        score=100 * won / whole if whole else None,
        coverage=100 * answered / len(weighed) if weighed else None,
        counts=counts,
        excluded=sum(one.excluded for one in checks),
    )


def _tier(ways: Mapping[Tier, tuple[Obstacle, ...]]) -> Tier:
    """The highest tier with nothing in its way, nor in the way of those below it."""
    reached = Tier.NOT_READY
    for tier in sorted(ways):
        if ways[tier]:
            break
        reached = tier
    return reached


_ORDER = list(Severity)


def _rank(one: CheckScore) -> tuple[int, int, int, str]:
    shown = {Outcome.FAIL: 0, Outcome.INCONCLUSIVE: 1, Outcome.PASS: 2, Outcome.NOT_APPLICABLE: 3}[one.outcome]
    return (0 if one.stands else 1, shown, _ORDER.index(one.entry.severity), one.entry.id)


def _findings(
    waivers: Sequence[Waiver], entries: Mapping[str, Check], scored: Sequence[CheckScore], today: date
) -> Iterable[str]:
    """What is wrong with the waivers themselves."""
    results = {one.entry.id: one.results for one in scored}
    for one in waivers:
        name = f"The waiver for {one.name} ({one.owner})"
        if one.id not in entries:
            yield f"{name} names a check that does not exist."
        elif one.days_left(today) < 0:
            yield f"{name} expired on {one.expires}: renew or remove it."
        elif not one.in_force(today):
            yield f"{name} ends {one.expires}, more than {LONGEST.days} days ahead: it does not count."
        elif any(result.revert_failed for result in results[one.id]):
            yield f"{name} does not count: a fault that was not reverted can't be waived."
        elif not any(one.covers(result) for result in results[one.id]):
            yield f"{name} is not used: {_why_unused(one, results[one.id])}"


def _why_unused(waiver: Waiver, results: Sequence[Result]) -> str:
    """Why a waiver covers nothing. A subject that there is none of covers nothing either, and nothing was mended then."""
    asked = sorted({one.subject for one in results if one.subject})
    if not waiver.subject or not results or waiver.subject in asked:
        return "what it waives no longer happens."
    if not asked:
        return "the check has no instances; leave its subject out."
    return f"the check was not asked of {waiver.subject}, but of {', '.join(asked[:5])}{' …' if len(asked) > 5 else ''}."
