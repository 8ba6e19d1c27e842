"""Judges what a host's firewall lets in, from what answered outside before and after its rules were put in."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stack.namespaces import Target

Seen = Mapping[Target, str]


def blind(before: Seen) -> list[Target]:
    """What was silent with no rules at all: of it, silence afterwards would prove nothing."""
    return [target for target, answer in before.items() if answer != "open"]


def problems(after: Seen, passes: Collection[int], places: Mapping[str, str], *, own: Collection[str]) -> list[str]:
    """What answers and should not, or should and does not; `places` names each address, `own` are containers' own."""
    found = []
    for target, answer in after.items():
        wanted = target.port in passes and target.address not in own
        where = f"{target} ({places[target.address]})"
        if wanted and answer != "open":
            found.append(f"{where} is {answer}, expected to answer")
        elif not wanted and answer == "open":
            found.append(f"{where} answers, expected to be stopped")
    return found
