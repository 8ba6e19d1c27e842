"""Which catalogue a run is judged against, and whether it reached a tier: the last decision before an exit code.

Why this exists: whoever asks for a verdict is answered about everything; whoever runs one check at a desk isn't told
NOT READY.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from reports.document import Run
from reports.gate import Tier
from reports.scorecard import Scorecard, score
from reports.waivers import Waiver


def judged(run: Run, waivers: Sequence[Waiver], today: date, *, gated: bool = False) -> Scorecard:
    """The scorecard of a run: of the whole catalogue it was made with if a verdict was asked for or all of it was
    planned, else of what was planned, without a verdict.

    The catalogue is the run's own (its record holds every check shipped then): the same record is judged alike for ever.
    A verdict is asked for by ``gated``, or was by the run's own ``--gate``.
    """
    planned = {one.id for one in run.planned}
    absent = sum(one.id not in planned for one in run.checks)
    if absent and not gated and run.manifest.get("gate") is None:
        asked = replace(run, checks=tuple(one for one in run.checks if one.id in planned))
        elsewhere = {one.id for one in run.checks} - planned
        here = [one for one in waivers if one.id not in elsewhere]  # a waiver of what was not asked says nothing here
        return score((), asked, here, today, partial=absent)
    return score(run.checks, run, waivers, today)


def reaches(card: Scorecard, gate: str) -> bool:
    """Whether the tier called ``gate`` (``staging`` or ``production``) is reached."""
    return not card.partial and card.tier >= Tier[gate.upper()]
