"""The campaign's result for people (markdown) and for programs (JSON): a row a fault, and every failure with how to repeat it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.campaign.calm import Calm
from chaos.campaign.trial import Trial

HEAD = "| fault | family | bit | reverted | fingerprint equal | judge: nothing left | median overhead | kills | left something |"


@dataclass
class Campaign:
    """All that was tried, with the seed that tries it again."""

    seed: int
    planned: int
    calm: list[Calm] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Effects that the small stack can't have, and why."""

    @property
    def failures(self) -> list[Trial]:
        """The kills after which something was left, or something else went wrong."""
        return [trial for trial in self.trials if trial.wrong]

    @property
    def complaints(self) -> list[str]:
        """What was not as promised with nobody killed."""
        found = []
        for one in self.calm:
            for number, each in enumerate(one.rounds, start=1):
                where = f"{one.effect}, round {number}"
                found += [f"{where}: it did not bite"] if not each.witnessed and not each.failure else []
                found += [f"{where}: {each.failure}"] if each.failure else []
                found += [f"{where}: left {left}" for left in each.leftovers]
        return found

    @property
    def is_clean(self) -> bool:
        """Whether every planned kill was tried and nothing was ever left."""
        return len(self.trials) == self.planned and not self.failures and not self.complaints

    def markdown(self) -> str:
        """The table and what is to be said below it."""
        lines = [HEAD, "|---|---|---|---|---|---|---|---|---|"]
        lines += [self._row(one) for one in self.calm]
        known = {one.effect for one in self.calm}
        lines += [f"| {name} | | not assessed: {why} |" for name, why in self.elsewhere.items() if name not in known]
        return "\n".join([*lines, "", *self._summary(), *self._told_failures()])

    def to_json(self) -> dict[str, Any]:
        """Everything, so that a picture or a comparison can be made of it later."""
        return {
            "seed": self.seed,
            "planned": self.planned,
            "clean": self.is_clean,
            "faults": [one.to_json() for one in self.calm],
            "kills": [one.to_json() for one in self.trials],
            "not_assessed": dict(self.elsewhere) | {one.effect: one.reason for one in self.calm if one.reason},
        }

    def _row(self, one: Calm) -> str:
        if one.reason:
            return f"| {one.effect} | {one.family} | not assessed: {one.reason} |"
        kills = [trial for trial in self.trials if trial.kill.effect == one.effect]
        cells = (
            one.effect,
            one.family,
            one.count(lambda each: each.witnessed),
            one.count(lambda each: not each.failure),
            one.count(lambda each: not each.failure),
            one.count(lambda each: not each.leftovers),
            f"{one.overhead_seconds:.2f} s",
            str(len(kills)),
            str(sum(bool(trial.wrong) for trial in kills)),
        )
        return "| " + " | ".join(cells) + " |"

    def _summary(self) -> list[str]:
        told = [
            f"{len(self.trials)} kills of {self.planned} planned, seed {self.seed}: {len(self.failures)} left something."
        ]
        overheads = [one.overhead_seconds for one in self.calm if one.rounds]
        if overheads:
            told.append(f"Overhead per fault, median over {len(overheads)}: {statistics.median(overheads):.2f} s.")
        for victim, count in sorted(Counter(trial.killed for trial in self.trials).items()):
            seconds = sorted(trial.healed_seconds for trial in self.trials if trial.killed == victim)
            told.append(
                f"{victim} killed {count} times; the journal closed after {statistics.median(seconds):.1f} s "
                f"(median; at most {seconds[-1]:.1f} s)."
            )
        return told

    def _told_failures(self) -> list[str]:
        lines = [f"NOT AS PROMISED: {complaint}" for complaint in self.complaints]
        for trial in self.failures:
            lines.append(f"LEFT: {trial.kill} ({trial.killed} died, healed by {trial.healer}):")
            lines += [f"  {what}" for what in trial.wrong]
            lines.append(f"  again: python -m chaos.campaign --seed {self.seed} --only {trial.kill.number}")
        return lines


def order_of(effects: Sequence[str], told: Sequence[str]) -> list[str]:
    """The effects to try: those told, or else all, always in one order, since draws are made from it."""
    return sorted(set(told) if told else effects)
