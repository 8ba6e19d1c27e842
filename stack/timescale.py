"""Make alert drills short: a copy of the alerting configuration in which every duration is scaled and no threshold is.

What is a duration: scrape and evaluation intervals, `for` and `keep_firing_for`, ranges, sub-query steps and offsets in
expressions, Alertmanager's group timers, and the lookback (a flag, see `scaled`). A value an expression compares with,
86400 seconds of age for example, is a promise and is never edited: a drill makes the cause true instead.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

from stack.errors import SeatrialError, UserError

DEFAULT_SCALE = 1 / 15
"""A scrape interval of 15 s becomes one second."""
LOOKBACK = timedelta(minutes=5)
"""Prometheus' own default of --query.lookback-delta."""

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
_DURATION = re.compile(r"(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m(?!s))?(?:\d+s)?(?:\d+ms)?")
_PART = re.compile(r"(\d+)(ms|y|w|d|h|m|s)")
# Strings and comments go by untouched; what follows is what may hold a duration.
_TOKEN = re.compile(
    r"""(?P<skip>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*)"""
    r"""|(?P<range>\[\s*(?P<of>[0-9][0-9a-z]*)\s*(?::\s*(?P<step>[0-9][0-9a-z]*)?\s*)?\])"""
    r"""|(?P<offset>\boffset\s+-?\s*)(?P<by>[0-9][0-9a-z]*)""",
    re.VERBOSE,
)

_SCRAPE_KEYS = ("scrape_interval", "evaluation_interval")
_ROUTE_KEYS = ("group_wait", "group_interval", "repeat_interval")


def milliseconds(duration: str) -> int:
    """Prometheus' notation (`1h30m`, `500ms`, `0`) in milliseconds. Raises UserError for anything else."""
    text = str(duration).strip()
    if text == "0":
        return 0
    if not text or not _DURATION.fullmatch(text):
        raise UserError(f"{duration!r} is no duration in Prometheus' notation (like 90s, 1h30m)")
    return sum(int(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text))


def notation(length_ms: int) -> str:
    """Milliseconds in the largest unit that divides them."""
    if length_ms == 0:
        return "0s"
    unit = max((u for u in _UNITS_MS if length_ms % _UNITS_MS[u] == 0), key=lambda u: _UNITS_MS[u])
    return f"{length_ms // _UNITS_MS[unit]}{unit}"


def scaled(duration: str, scale: float) -> str:
    """A duration times `scale`, to the millisecond; never nothing where there was something."""
    length = milliseconds(duration)
    return notation(0 if length == 0 else max(1, round(Fraction(length) * Fraction(scale).limit_denominator(10_000))))


def scaled_expression(expression: str, scale: float) -> str:
    """PromQL with its ranges, sub-query steps and offsets scaled; numbers, strings and labels are left as they are."""

    def replace(match: re.Match[str]) -> str:
        if match["skip"] is not None:
            return match["skip"]
        if match["range"] is not None:
            whole = match["range"]
            step = scaled(match["step"], scale) if match["step"] else ""
            return f"[{scaled(match['of'], scale)}{':' + step if ':' in whole else ''}]"
        return f"{match['offset']}{scaled(match['by'], scale)}"

    return _TOKEN.sub(replace, expression)


def scaled_rules(rules: dict[str, Any], scale: float) -> dict[str, Any]:
    """A rule file's document with `interval`, `for`, `keep_firing_for` and expressions scaled."""

    def rule(document: dict[str, Any]) -> dict[str, Any]:
        changed = _with(document, ("for", "keep_firing_for"), lambda value: scaled(value, scale))
        return {**changed, "expr": scaled_expression(str(document["expr"]), scale)}

    return {
        **rules,
        "groups": [
            {
                **_with(group, ("interval",), lambda value: scaled(value, scale)),
                "rules": [rule(r) for r in group["rules"]],
            }
            for group in rules.get("groups") or []
        ],
    }


def scaled_prometheus(document: dict[str, Any], scale: float) -> dict[str, Any]:
    """prometheus.yml with its intervals scaled. Time-outs are not: a target is no faster in a drill than in earnest.

    Prometheus demands an interval no shorter than the time-out. So a job that names a time-out of its own gets an interval
    of at least that; the default time-out, which is only a bound, shrinks to the interval.
    """
    # Unsaid, Prometheus uses 1m and 10s; in a drill they must be said to be scaled.
    world = {
        "scrape_interval": "1m",
        "evaluation_interval": "1m",
        "scrape_timeout": "10s",
        **(document.get("global") or {}),
    }
    top = _with(world, _SCRAPE_KEYS, lambda value: scaled(value, scale))
    top["scrape_timeout"] = notation(min(milliseconds(top["scrape_timeout"]), milliseconds(top["scrape_interval"])))

    def job(table: dict[str, Any]) -> dict[str, Any]:
        changed = _with(table, _SCRAPE_KEYS, lambda value: scaled(value, scale))
        if "scrape_timeout" in table:
            interval = milliseconds(changed.get("scrape_interval", top["scrape_interval"]))
            changed["scrape_interval"] = notation(max(interval, milliseconds(table["scrape_timeout"])))
        return changed

    return {**document, "global": top, "scrape_configs": [job(table) for table in document.get("scrape_configs") or []]}


def scaled_alertmanager(document: dict[str, Any], scale: float) -> dict[str, Any]:
    """alertmanager.yml with every route's group timers and the resolve time-out scaled."""

    def route(table: dict[str, Any], is_root: bool) -> dict[str, Any]:
        # Unsaid at the root: 30s, 5m and 4h (Alertmanager's defaults). Below it, unsaid means inherited.
        spoken = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h", **table} if is_root else table
        changed = _with(spoken, _ROUTE_KEYS, lambda value: scaled(value, scale))
        if "routes" in table:
            changed["routes"] = [route(child, is_root=False) for child in table["routes"]]
        return changed

    world = _with(
        {"resolve_timeout": "5m", **(document.get("global") or {})}, ("resolve_timeout",), lambda v: scaled(v, scale)
    )
    return {**document, "global": world, "route": route(document["route"], is_root=True)}


def for_drill(document: dict[str, Any], alertmanager: str) -> dict[str, Any]:
    """prometheus.yml that sends to the drill's own Alertmanager, and marks what it sends as a drill's."""
    world = document.get("global") or {}
    labels = {**(world.get("external_labels") or {}), "drill": "true"}
    sends_to = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return {**document, "global": {**world, "external_labels": labels}, "alerting": sends_to}


def told_too(document: dict[str, Any], receiver: str, twin: str) -> dict[str, Any]:
    """alertmanager.yml in which whatever is told to `receiver` (host:port) by webhook is told to `twin` as well."""

    def both(hooks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        twins = [
            {**hook, "url": hook["url"].replace(f"//{receiver}/", f"//{twin}/")}
            for hook in hooks
            if f"//{receiver}/" in str(hook.get("url"))
        ]
        return [*hooks, *twins]

    receivers = [
        {**one, "webhook_configs": both(one["webhook_configs"])} if "webhook_configs" in one else one
        for one in document.get("receivers") or []
    ]
    return {**document, "receivers": receivers}


def write_scaled(
    config: Path,
    into: Path,
    scale: float = DEFAULT_SCALE,
    *,
    alertmanager: str | None = None,
    twin: tuple[str, str] | None = None,
) -> None:
    """Write the scaled copy of `config`'s prometheus and alertmanager folders below `into`.

    With `alertmanager` (host:port) the copy's Prometheus sends there, see `for_drill`; with `twin`, a receiver and another
    one, the copy's Alertmanager tells both, see `told_too`.

    Files that hold no duration (templates, for instance) are copied as they are. Raises UserError when a file is missing
    or doesn't parse.
    """

    def prometheus(document: dict[str, Any], factor: float) -> dict[str, Any]:
        changed = scaled_prometheus(document, factor)
        return for_drill(changed, alertmanager) if alertmanager else changed

    def routes(document: dict[str, Any], factor: float) -> dict[str, Any]:
        changed = scaled_alertmanager(document, factor)
        return told_too(changed, *twin) if twin else changed

    transformations: list[tuple[str, Callable[[dict[str, Any], float], dict[str, Any]]]] = [
        ("prometheus/prometheus.yml", prometheus),
        ("alertmanager/alertmanager.yml", routes),
    ]
    rules = sorted((config / "prometheus" / "rules").glob("*.yml"))
    transformations += [(f"prometheus/rules/{file.name}", scaled_rules) for file in rules]
    done = {name for name, _ in transformations}
    for name, transformation in transformations:
        _write(into / name, yaml.safe_dump(transformation(_read(config / name), scale), sort_keys=False).encode())
    for folder in ("prometheus", "alertmanager"):
        for file in sorted((config / folder).rglob("*")):
            name = str(file.relative_to(config))
            if file.is_file() and name not in done and not name.startswith("prometheus/tests/"):
                _write(into / name, file.read_bytes())


def _with(table: dict[str, Any], keys: Sequence[str], change: Callable[[str], str]) -> dict[str, Any]:
    return {key: change(value) if key in keys else value for key, value in table.items()}


def _read(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{file} can't be scaled: {str(error).splitlines()[0]}") from error
    if not isinstance(document, dict):
        raise UserError(f"{file} can't be scaled: it is no YAML mapping")
    return document


def _write(file: Path, content: bytes) -> None:
    """The containers that mount the copy run as other users, so it is readable by all; it holds no secret."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.parent.chmod(0o755)
    file.write_bytes(content)
    file.chmod(0o644)


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m stack.timescale CONFIG INTO [--scale 0.0667]`."""
    parser = argparse.ArgumentParser(prog="python -m stack.timescale", description=__doc__)
    parser.add_argument("config", type=Path, help="the folder with prometheus/ and alertmanager/")
    parser.add_argument("into", type=Path, help="where the scaled copy goes")
    parser.add_argument("--scale", type=float, default=DEFAULT_SCALE, help="1 leaves durations as they are")
    parser.add_argument("--alertmanager", metavar="HOST:PORT", help="the Alertmanager the copy sends to")
    options = parser.parse_args(argv)
    try:
        if not 0 < options.scale <= 1:
            raise UserError(f"--scale {options.scale:g} is not in (0, 1]")
        write_scaled(options.config, options.into, options.scale, alertmanager=options.alertmanager)
    except SeatrialError as error:
        print(error, file=sys.stderr)
        return 4
    return 0


def longest_round(config: str) -> timedelta:
    """The longest time from one scrape's start to the end of the next, over all jobs of a prometheus.yml."""
    told = yaml.safe_load(config)
    world = told.get("global") or {}
    rounds = [
        milliseconds(job.get("scrape_interval") or world.get("scrape_interval", "1m"))
        + milliseconds(job.get("scrape_timeout") or world.get("scrape_timeout", "10s"))
        for job in told.get("scrape_configs") or [{}]
    ]
    return timedelta(milliseconds=max(rounds))


if __name__ == "__main__":
    sys.exit(main())
