"""No line is lost where it matters most: around the crash of whoever carries the lines, which is when people read them."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from suites.check import Area, Evidence, Impact, Level, Severity, check, inconclusive, over
from suites.observability.numbered import Passage, Tally, killed_on_the_way
from suites.observability.shipping import services

if TYPE_CHECKING:
    from stack.model import Stack

_RECOVERY = timedelta(seconds=60)
"""What a link without a promise of its own gets to come back and catch up."""
_NAMED = 10


def links(stack: Stack) -> list[str]:
    """The services that carry or keep the lines: each is killed once. None where no line is expected in a store."""
    if not services(stack):
        return []
    store = stack.profile.logs.service if stack.profile.logs else None
    carriers = [service.name for service in stack.by_role("log-shipper", "logs") if not service.idle]
    return list(dict.fromkeys([*carriers, *([store] if store in {s.name for s in stack.services} else [])]))


@check(
    "OBS-LOG-002",
    title="No line is lost across a restart of the shipper or the store",
    area=Area.OBSERVABILITY,
    severity=Severity.HIGH,
    level=Level.OBSERVED,
    impact=Impact.DESTRUCTIVE,
    rationale="Shippers note a line as done when they have read it and send it later: a crash in between loses what was said last.",
    remediation="Let the shipper read again, after a crash, what it may not have sent; let the store write ahead what it has accepted.",
)
@over("link", links, reason="the stack ships no logs: `[logs] service = …` in a profile would enable it")
def test_no_line_is_lost_when_a_link_is_killed(stack: Stack, link: str, evidence: Evidence) -> None:
    within = (stack.profile.recovery(link) or _RECOVERY) + timedelta(seconds=stack.profile.objectives.log_delay_seconds)

    passage = killed_on_the_way(stack, link, [service.name for service in services(stack)], within=within)

    _note(passage, evidence)
    lost = [sentence(tally) for tally in passage.tallies if tally.missing]
    assert not lost, f"{link} was killed: " + "; ".join(lost)
    silent = [
        f"{one.service} ({one.trouble or 'nothing was written'})" for one in passage.tallies if not spans(one, passage)
    ]
    if silent:
        inconclusive(f"no lines before and after the kill of {link} from " + ", ".join(silent))


def spans(tally: Tally, passage: Passage) -> bool:
    """Whether lines were written both before the kill and after the return: without them, nothing lost says nothing."""
    return bool(tally.written_between(0, passage.killed) and tally.written_between(passage.back, math.inf))


def sentence(tally: Tally) -> str:
    """Which of a service's lines are missing."""
    missing = tally.missing
    named = ", ".join(map(str, missing[:_NAMED])) + (" …" if len(missing) > _NAMED else "")
    return f"{len(missing)} of {len(tally.written)} lines of {tally.service} are not in the store: {named}"


def _note(passage: Passage, evidence: Evidence) -> None:
    evidence.table(
        f"Lines written while {passage.link} was killed",
        ("service", "before", "while it was away", "after", "in the store", "stored twice"),
        [
            (
                tally.service,
                str(tally.written_between(0, passage.killed)),
                str(tally.written_between(passage.killed, passage.back)),
                str(tally.written_between(passage.back, math.inf)),
                str(len(tally.found)),
                str(sum(times > 1 for times in tally.found.values())),
            )
            for tally in passage.tallies
        ],
    )
    evidence.measure(f"{passage.link} back", passage.back - passage.killed, "s")
    evidence.measure(f"All lines found after {passage.link} came back", passage.counted_seconds, "s")
