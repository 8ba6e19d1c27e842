"""The scorecard as a comment on a pull request: the verdict, what blocks, the numbers, and the rest folded away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reports.gate import floored
from reports.outcome import Outcome
from reports.repeat import repeat
from reports.scorecard import CheckScore, Scorecard
from reports.text import one_line

_LONGEST = 60_000
"""Characters: a comment on the widest-used code host takes 65,536."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~-])")
_SIGNS = {Outcome.FAIL: "❌", Outcome.INCONCLUSIVE: "❔", Outcome.PASS: "✅", Outcome.NOT_APPLICABLE: "➖"}


def escaped(text: str) -> str:
    """``text`` on one line, in which nothing is markup, a link, HTML or a mention."""
    flat = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", flat).replace("@", "&#64;").replace("://", ":&#47;&#47;").replace("www.", "www&#46;")


def code(text: str) -> str:
    """``text`` as code on one line, fenced by more backticks than it holds."""
    flat = " ".join(text.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", flat)), default=0))
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"


def render(card: Scorecard) -> str:
    """The comment; cut off, with a sentence that says so, where a comment would be too long."""
    parts = [_head(card), _blockers(card), _areas(card), _checks(card), _boxes(card), _waivers(card)]
    text = "\n".join(part for part in parts if part)
    if len(text) <= _LONGEST:
        return text
    cut = text[:_LONGEST].rpartition("\n")[0]
    closing = "\n</details>\n" if cut.count("<details>") > cut.count("</details>") else "\n"
    return f"{cut}{closing}\n*Cut off here: the whole is in readiness.html.*\n"


def _head(card: Scorecard) -> str:
    sign = "⚪" if card.partial else ("🔴", "🟡", "🟢")[card.tier]
    project = str(card.run.manifest.get("project") or "")
    lines = [f"## {sign} {escaped(project)}: {escaped(card.verdict)}" if project else f"## {sign} {escaped(card.verdict)}", ""]
    if card.partial:
        lines += [f"{card.partial} checks of the catalogue were not asked for, so there is no verdict."]
    score, coverage = (_number(value) for value in (card.total.score, card.total.coverage))
    lines += [f"**Score {score}** · **coverage {coverage}** · " + " · ".join(
        f"{number} {outcome.words}" for outcome, number in sorted(card.total.counts.items(), reverse=True)
    )]  # fmt: skip
    if card.run.exclusions:
        lines += ["", f"Excluded by name: {', '.join(map(escaped, card.run.exclusions))}"]
    if commit := card.run.manifest.get("commit"):
        dirty = " with uncommitted changes" if card.run.manifest.get("dirty") else ""
        lines += ["", f"For commit `{str(commit)[:12]}`{dirty}, {escaped(str(card.run.manifest['started']))}."]
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "no result" if value is None else floored(value)


def _blockers(card: Scorecard) -> str:
    if card.partial or not card.blockers:
        return ""
    rows = [f"- **{escaped(one.about)}** {escaped(one.why)}" for one in card.blockers[:25]]
    if len(card.blockers) > 25:
        rows.append(f"- and {len(card.blockers) - 25} more")
    return "\n".join([f"### In the way of the next tier ({len(card.blockers)})", *rows, ""])


def _areas(card: Scorecard) -> str:
    rows = ["| area | score | coverage | FAIL | INCONCLUSIVE | PASS | n/a |", "|---|--:|--:|--:|--:|--:|--:|"]
    for area, one in card.areas.items():
        if not sum(one.counts.values()):
            continue
        numbers = (_number(one.score), _number(one.coverage), *(str(one.counts[outcome]) for outcome in _SIGNS))
        rows.append(f"| {area.value} | {' | '.join(numbers)} |")
    return "\n".join([*rows, ""])


def _checks(card: Scorecard) -> str:
    bad = [one for one in card.checks if one.outcome >= Outcome.INCONCLUSIVE]
    if not bad:
        return ""
    rows = [line for one in bad for line in _check(one, card.run.manifest)]
    return "\n".join(
        [f"<details><summary>{len(bad)} checks that did not pass</summary>", "", *rows, "", "</details>", ""]
    )


def _check(one: CheckScore, manifest: Mapping[str, Any]) -> list[str]:
    waived = " *(waived)*" if one.waivers and not one.stands else ""
    lines = [
        f"- {_SIGNS[one.outcome]} **{one.entry.id}** {escaped(one.entry.title)} ({one.entry.severity.value}){waived}"
    ]
    wanting = [result for result in one.results if result.outcome >= Outcome.INCONCLUSIVE]
    for result in wanting[:5]:
        subject = f"{escaped(result.subject)}: " if result.subject else ""
        lines += [f"  - {subject}{escaped(line)}" for line in result.reason.splitlines()[:10]]
        if (more := len(result.reason.splitlines()) - 10) > 0:
            lines.append(f"  - {subject}and {more} more findings")
    if len(wanting) > 5:
        lines.append(f"  - and {len(wanting) - 5} more")
    lines.append(f"  - Remedy: {escaped(one.entry.remediation)}")
    node = next((result.nodeid for result in wanting if result.nodeid), "")
    return [*lines, f"  - Repeat: {code(repeat(manifest, node))}"] if node else lines


def _boxes(card: Scorecard) -> str:
    ticked = sum(state.ticked for _, state in card.boxes)
    rows = []
    for box, state in card.boxes:
        rest = [*state.open, *(f"{id_}: no result" for id_ in state.missing)]
        said = "" if state.ticked else f" ({escaped(', '.join(rest) if state.applies else 'not applicable')})"
        rows.append(f"- [{'x' if state.ticked else ' '}] {box.name}{said}")
    head = f"<details><summary>The sixteen boxes: {ticked} ticked</summary>"
    return "\n".join([head, "", *rows, "", "</details>", ""])


def _waivers(card: Scorecard) -> str:
    rows = [
        f"- **{escaped(one.name)}** {escaped(one.reason)} — {escaped(one.owner)}, {one.days_left(card.today)} days left"
        for one in card.waivers
    ]
    rows += [f"- ⚠️ {escaped(finding)}" for finding in card.findings]
    return "\n".join(["### Waivers", *rows, ""]) if rows else ""
