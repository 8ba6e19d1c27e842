"""Writes docs/comparison.md from what both tools said in one run of this command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.comparison.judged import Judged

PAGE = Path(__file__).parents[2] / "docs" / "comparison.md"
HEAD = """\
# Side by side with compose-lint and testssl.sh

Written by `python -m tests.comparison` (root, Docker, the images of the reference stack, and Debian's testssl.sh, which nothing
else here needs). Both tools look at the same inputs in tests/comparison, and tests/comparison/truth.toml says what is really
wrong with each: what a tool says beyond that was raised wrongly. Seconds are the wall-clock time of the whole process,
pytest's start and all reports included.

Versions: {versions}. Machine: {machine}.

Seatrial runs compose-lint's rules itself where it has no check that looks closer, so on files it should miss nothing that
compose-lint sees. What compose-lint is better at: it is done in a fifth of a second, needs no Python project around it, fixes what it
finds (`compose-lint fix`), and goes by one file where Seatrial wants to know the whole stack. What testssl.sh is better at: it
speaks every old protocol and cipher itself, down to SSLv2, and knows attacks by name (ROBOT, Heartbleed, CCS, Ticketbleed),
where Seatrial holds an edge against one policy and stops at "older than TLS 1.3 is accepted".
"""


def page(
    files: Mapping[str, tuple[Judged, Judged]], edges: Mapping[str, tuple[Judged, Judged]], head: Mapping[str, str]
) -> str:
    """The page: a table for the compose files and one for the edges, and below each what was missed and wrongly raised."""
    parts = [HEAD.format(**head), "## Compose files\n", _table(files, "compose-lint"), _details(files, "compose-lint")]
    parts += ["## Edges\n", _table(edges, "testssl.sh"), _details(edges, "testssl.sh")]
    parts.append(
        "An edge is judged by Mozilla's *modern* policy here, which the reference stack promises. testssl.sh judges by no policy:\n"
        "that it rates TLS 1.2 as fine is its right, and is counted as missed only because the policy is what was asked about.\n"
        "Certificates of a private authority have no address to ask about revocation, which that policy does not want either.\n"
        "On the reference stack, a pinned image that is built here and an exporter's or a proxy's mounts are accepted by the\n"
        "profile, with a reason; compose-lint is not told of it and can't know. The sabotage input is our own table, written to see\n"
        "each of our checks fail once: 64 of 64 says that they work, and not how much of the world they see.\n"
    )
    return "\n".join(parts)


def _table(every: Mapping[str, tuple[Judged, Judged]], other: str) -> str:
    lines = [
        f"| input | wrong with it | Seatrial found | missed | wrongly raised | seconds | {other} found | missed | wrongly raised | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, (ours, theirs) in every.items():
        cells = [name, str(len(ours.found) + len(ours.missed))]
        for one in (ours, theirs):
            cells += [str(len(one.found)), str(len(one.missed)), str(len(one.wrong)), f"{one.seconds:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _details(every: Mapping[str, tuple[Judged, Judged]], other: str) -> str:
    lines = []
    for name, pair in every.items():
        for tool, one in zip(("Seatrial", other), pair, strict=True):
            if one.missed:
                lines.append(f"- {name}: {tool} missed: {'; '.join(one.missed)}.")
            if one.wrong:
                ids = Counter(said.id for said in one.wrong)
                about = {said.id: said.about for said in one.wrong}
                named = ", ".join(
                    f"{id_} ({about[id_]})"
                    if number == 1 and about[id_]
                    else f"{id_} × {number}"
                    if number > 1
                    else id_
                    for id_, number in ids.items()
                )
                lines.append(f"- {name}: {tool} raised wrongly: {named}.")
    return "\n".join(lines or ["Nothing was missed, and nothing wrongly raised."]) + "\n"
