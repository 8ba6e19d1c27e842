"""Several runs made into one: shards of the same release, run on several machines or after each other.

Why this exists: a long checklist is run in parts. What can't be told apart from cheating is refused: parts about different compose
files or images. Where two parts answer the same question, the worse answer counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reports.document import Planned, Run, load, to_json
from reports.outcome import Result
from stack.errors import UserError

_SAME = ("project", "compose_sha256", "commit")


def merged(runs: Sequence[Run]) -> Run:
    """One run that holds everything the parts planned and found. Raises UserError when they are not of one release."""
    first = runs[0]
    for other in runs[1:]:
        for name in _SAME:
            if other.manifest.get(name) != first.manifest.get(name):
                seen = f"{first.manifest.get(name)} and {other.manifest.get(name)}"
                raise UserError(f"The runs are not parts of one: their {name} differs ({seen}).")
    results: dict[tuple[str, str], Result] = {}
    for one in (result for run in runs for result in run.results):
        before = results.get((one.id, one.subject))
        if before is None or one.outcome > before.outcome:
            kept = one
        else:
            kept = before
        reverting = one.revert_failed or bool(before and before.revert_failed)
        results[one.id, one.subject] = replace(kept, revert_failed=reverting)
    return Run(
        manifest=_manifest([run.manifest for run in runs]),
        checks=tuple({one.id: one for run in runs for one in run.checks}.values()),
        sources={id_: place for run in runs for id_, place in run.sources.items()},
        planned=tuple(dict.fromkeys(Planned(one.id, one.subject) for run in runs for one in run.planned)),
        results=tuple(results.values()),
        phases=_phases(runs),
        ended="; ".join(run.ended for run in runs if run.ended),
    )


def _manifest(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    images: dict[str, str] = {}
    for part in parts:
        for service, image in (part.get("images") or {}).items():
            if images.setdefault(service, image) != image:
                raise UserError(f"The runs are not parts of one: {service} ran {images[service]} and {image}.")
    return {
        **parts[0],
        "started": min(str(part["started"]) for part in parts),
        "command": " && ".join(str(part.get("command", "")) for part in parts),
        "gate": next((part["gate"] for part in parts if part.get("gate")), None),
        "dirty": any(part.get("dirty") for part in parts),
        "images": dict(sorted(images.items())),
        "engine": next((part["engine"] for part in parts if part.get("engine")), {}),
        "exclusions": sorted({name for part in parts for name in part.get("exclusions", ())}),
        "waivers": list({json.dumps(one): one for part in parts for one in part.get("waivers") or ()}.values()),
    }


def _phases(runs: Sequence[Run]) -> tuple[tuple[str, float], ...]:
    total: dict[str, float] = {}
    for name, spent in (phase for run in runs for phase in run.phases):
        total[name] = total.get(name, 0.0) + spent
    return tuple(total.items())


def write(folders: Sequence[Path], out: Path) -> None:
    """Merge the runs recorded in ``folders`` into the new folder ``out``. Raises UserError."""
    run = merged([load(folder) for folder in folders])
    try:
        out.mkdir(parents=True)
        (out / "results.json").write_text(json.dumps(to_json(run)), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out}: the merged run cannot be written there ({error.strerror}).") from error
