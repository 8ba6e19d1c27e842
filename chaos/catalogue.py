"""The faults as a page for people, made from the classes themselves, so that it can't say something else than they do."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterable
from dataclasses import MISSING, fields

from chaos.effect import Fault
from chaos.faults import FAULTS

HEAD = """\
# Faults

<!-- made by `python -m chaos docs`; do not edit -->

A fault is written to the journal before it is caused, taken back whatever happens, and proved gone: it is no longer seen, and
the stack's fingerprint is what it was. `python -m chaos status` shows what stands, `python -m chaos heal` takes it back.
`python -m chaos list` shows a command for each that injects it by hand, for a bounded time.

Whether anything is ever left is tried by killing: `python -m chaos.campaign --kills 200 --seed 7` brings a small stack of its
own up, injects every fault a few times, and then kills runners, watchdogs, helpers and targets at moments drawn from the seed;
a script that imports nothing of Seatrial compares docker's, iptables' and /proc's answers with what they were.
"""

_WHOSE_NAMES = (
    "",
    "  The commands name services of the small stack that each fault is tried on (chaos/campaign/compose.yaml): put your own in",
    "  their place. In brackets is what need not be said, with what is taken then.",
)


def page(faults: Iterable[type[Fault]] = tuple(FAULTS.values())) -> str:
    """docs/faults.md: each fault with its parameters, its witness and the bound on its revert, by family."""
    parts = [HEAD]
    family = ""
    for fault in sorted(faults, key=lambda one: (one.family, one.effect)):
        if fault.family != family:
            family = fault.family
            parts.append(f"\n## {family}\n")
        parts.append(f"\n### {fault.effect}\n\n{first_line(fault)}\n\n{_parameters(fault)}\n")
        parts.append(f"- witness: {first_line(fault.witness)}\n- revert: {first_line(fault.revert)}")
        parts.append(f" At most {fault.revert_within.total_seconds():g} s, proof included.\n")
    return "".join(parts)


def summary(faults: Iterable[type[Fault]] = tuple(FAULTS.values())) -> list[str]:
    """For a terminal: each fault with its family, its parameters and a command that injects it, where the small stack can have it."""
    from chaos.by_hand import option_of, words_of
    from chaos.examples import EXAMPLES

    lines = []
    for fault in sorted(faults, key=lambda one: one.effect):
        lines.append(f"{fault.effect:<22}{fault.family:<15}{first_line(fault)}")
        given = [
            option_of(field.name) if field.default is MISSING else f"[{option_of(field.name)} {field.default!r}]"
            for field in fields(fault)
        ]
        lines.append(f"    {' '.join(given)}")
        if fault.family == "imported":
            lines[-1] = "    pytest chaos --chaos-toolkit FILE"
        if fault.effect in EXAMPLES:
            lines.append(f"    $ {shlex.join(words_of(EXAMPLES[fault.effect].fault))} --for 30s --allow-faults PROJECT")
    return [*lines, *_WHOSE_NAMES]


def _parameters(fault: type[Fault]) -> str:
    lines = []
    for field in fields(fault):
        default = "" if field.default is MISSING else f", {field.default!r} by default"
        lines.append(f"- `{field.name}`: {field.type}{default}")
    return "\n".join(lines)


def first_line(documented: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(documented) or "").splitlines()[0]
