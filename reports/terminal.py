"""The end of a run in the terminal: what failed, why, where and what to do; then the head of the scorecard.

Why this exists: most runs are read where they were started, by somebody who wants to go and mend something.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from reports.gate import Tier, floored
from reports.outcome import Finding, Outcome, Result
from reports.repeat import repeat
from reports.scorecard import CheckScore, Scorecard
from reports.text import one_line, seconds, shortened
from reports.traces import place

_STYLES = {
    Outcome.FAIL: "bold red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.PASS: "green",
    Outcome.NOT_APPLICABLE: "cyan",
}
_TIERS = {Tier.NOT_READY: "red", Tier.STAGING: "yellow", Tier.PRODUCTION: "green"}
_MOST_CHECKS, _MOST_INSTANCES, _MOST_FINDINGS, _LONGEST_FINDING = 40, 6, 12, 600


def summary(card: Scorecard, folder: Path, *, width: int, colours: bool) -> str:
    """The summary as text for a terminal ``width`` columns wide, with escape sequences only if ``colours``."""
    out = StringIO()
    console = Console(
        file=out, width=max(width, 60), force_terminal=colours, no_color=not colours, highlight=False, markup=False
    )
    told = [one for one in card.checks if one.outcome >= Outcome.INCONCLUSIVE and one.ran]
    for one in told[:_MOST_CHECKS]:
        console.print(_finding(one, card.run.manifest), crop=False)
    if len(told) > _MOST_CHECKS:
        console.print(f"… and {len(told) - _MOST_CHECKS} more that did not pass: see {folder / 'readiness.html'}\n")
    console.print(_head(card, folder))
    return out.getvalue().rstrip("\n")


def columns() -> int:
    """The width of this terminal."""
    return shutil.get_terminal_size((100, 24)).columns


def _finding(one: CheckScore, manifest: Mapping[str, Any]) -> RenderableType:
    title = Text.assemble(
        (f"{one.outcome.words} ", _STYLES[one.outcome]), (one.entry.id, "bold"), f" {one.entry.title}"
    )
    title.append(f"  {one.entry.severity.value}", "dim")
    if one.waivers and not one.stands:
        title.append(f"  waived until {one.waivers[0].expires} by {one.waivers[0].owner}", "cyan")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    wanting = [result for result in one.results if result.outcome >= Outcome.INCONCLUSIVE]
    for result in wanting[:_MOST_INSTANCES]:
        _instance(grid, result)
    if len(wanting) > _MOST_INSTANCES:
        grid.add_row("  …", Text(f"and {len(wanting) - _MOST_INSTANCES} more of {len(one.results)}"))
    grid.add_row("  remedy", Text(one.entry.remediation))
    if wanting[0].nodeid:
        # A command is there to be copied: it keeps its line, however long.
        again = Text(f"  repeat    {repeat(manifest, wanting[0].nodeid)}", "dim", no_wrap=True, overflow="ignore")
        return Group(title, grid, again, Text(""))
    return Group(title, grid, Text(""))


def _instance(grid: Table, result: Result) -> None:
    subject = f"{result.subject}: " if result.subject and not result.reason.startswith(f"{result.subject}:") else ""
    findings = result.findings or (Finding(""),)
    for number, one in enumerate(findings[:_MOST_FINDINGS]):
        grid.add_row("  observed", Text(f"{'' if number else subject}{shortened(one.observed, _LONGEST_FINDING)}"))
        if one.expected:
            grid.add_row("  expected", Text(shortened(one.expected, _LONGEST_FINDING)))
    if len(findings) > _MOST_FINDINGS:
        grid.add_row("  …", Text(f"and {len(findings) - _MOST_FINDINGS} more findings"))
    for file, line in result.unsaid_places[:3]:
        grid.add_row("  where", Text(f"{file}:{line}"))
    if result.outcome is Outcome.INCONCLUSIVE and (raised := place(result.traceback)):
        grid.add_row("  raised at", Text(raised, "dim"))


def _head(card: Scorecard, folder: Path) -> RenderableType:
    score, coverage = card.total.score, card.total.coverage
    line = Text()
    line.append(card.verdict, f"bold {'white' if card.partial else _TIERS[card.tier]}")
    line.append(f"   score {_number(score)}   coverage {_number(coverage)}")
    parts: list[RenderableType] = [line, Text("")]
    if card.partial:
        parts.append(
            Text(
                f"{card.partial} checks of the catalogue were not asked for; --gate staging judges all of it.\n", "dim"
            )
        )
    parts.append(_areas(card))
    number, asked = len(card.checks), len(card.run.planned)
    parts.append(
        Text(
            f"\n{number} check{'s' * (number != 1)}, asked {asked} time{'s' * (asked != 1)} in all (one service, port or rule "
            "each): the table counts checks, pytest's own line counts times",
            "dim",
        )
    )
    ticked = sum(state.ticked for _, state in card.boxes)
    rest = [f"{ticked} of {len(card.boxes)} boxes ticked"]
    rest += [f"excluded by name: {', '.join(card.run.exclusions)}"] if card.run.exclusions else []
    rest += [f"{len(card.waivers)} waiver{'s' * (len(card.waivers) != 1)}"] if card.waivers else []
    parts.append(Text("\n" + " · ".join(rest)))
    parts += [Text(f"! {finding}", "yellow") for finding in card.findings]
    parts += [Text(f"! {sentence}", "yellow") for sentence in _absent(card.run.manifest)]
    if card.blockers and not card.partial:
        parts.append(Text(f"\nIn the way of {Tier(card.tier + 1).words}:", "bold"))
        parts += [Text(f"  {one.about}  {one_line(one.why)}") for one in card.blockers[:12]]
        parts += [Text(f"  … and {len(card.blockers) - 12} more")] if len(card.blockers) > 12 else []
    if card.run.phases:
        parts.append(Text("\n" + " · ".join(f"{name} {seconds(spent)}" for name, spent in card.run.phases), "dim"))
    parts.append(Text(f"\n{folder / 'readiness.html'}", "bold"))
    return Panel(Group(*parts), title="Seatrial", box=box.ROUNDED, padding=(1, 2))


def _absent(manifest: Mapping[str, Any]) -> list[str]:
    """How to accept, by name, that a service of the stack doesn't run."""
    ours = manifest.get("project") == "seatrial"
    return [
        f"{name} does not run, so what is about it has no answer: --without {name}"
        f"{f' (make readiness WITHOUT={name})' if ours else ''} leaves it out by name."
        for name in manifest.get("absent") or ()
    ]


def _areas(card: Scorecard) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("area")
    for name in ("score", "coverage", "FAIL", "INCONCLUSIVE", "PASS", "n/a"):
        table.add_column(name, justify="right")
    for area, one in card.areas.items():
        if not sum(one.counts.values()):
            continue
        counts = [
            Text(str(one.counts[outcome] or "·"), _STYLES[outcome] if one.counts[outcome] else "dim")
            for outcome in _STYLES
        ]
        table.add_row(area.value, _number(one.score), _number(one.coverage), *counts)
    return table


def _number(value: float | None) -> str:
    return "no result" if value is None else floored(value)
