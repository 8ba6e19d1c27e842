"""The faults as a page for people, made from the classes themselves, so that it can't say something else than they do."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import MISSING, fields

from chaos.effect import Fault
from chaos.faults import FAULTS

HEAD = """\
# Faults

<!-- made by `python -m chaos docs`; do not edit -->

A fault is written to the journal before it is caused, taken back whatever happens, and proved gone: it is no longer seen, and
the stack's fingerprint is what it was. `python -m chaos status` shows what stands, `python -m chaos heal` takes it back.
"""


def page(faults: Iterable[type[Fault]] = tuple(FAULTS.values())) -> str:
    """docs/faults.md: each fault with its parameters, its witness and the bound on its revert, by family."""
    parts = [HEAD]
    family = ""
    for fault in sorted(faults, key=lambda one: (one.family, one.effect)):
        if fault.family != family:
            family = fault.family
            parts.append(f"\n## {family}\n")
        parts.append(f"\n### {fault.effect}\n\n{_first_line(fault)}\n\n{_parameters(fault)}\n")
        parts.append(f"- witness: {_first_line(fault.witness)}\n- revert: {_first_line(fault.revert)}")
        parts.append(f" At most {fault.revert_within.total_seconds():g} s, proof included.\n")
    return "".join(parts)


def summary(faults: Iterable[type[Fault]] = tuple(FAULTS.values())) -> list[str]:
    """One line a fault, for a terminal."""
    return [
        f"{fault.effect:<28}{fault.family:<15}{_first_line(fault)}" for fault in sorted(faults, key=lambda f: f.effect)
    ]


def _parameters(fault: type[Fault]) -> str:
    lines = []
    for field in fields(fault):
        default = "" if field.default is MISSING else f", {field.default!r} by default"
        lines.append(f"- `{field.name}`: {field.type}{default}")
    return "\n".join(lines)


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").splitlines()[0]
