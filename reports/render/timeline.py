"""An experiment as one picture: faults as bands, what each question was answered and how fast, users, alerts, recovery.

Why this exists: "not for 3.2 s" is believed sooner by whoever sees which 3.2 seconds. The picture is SVG inside the page:
no script, no colour that means something by itself (a fault is hatched, what was wrong is solid, a recovery is dotted), and
no text smaller than 9 pt in print. What it shows is also told in sentences, for whoever can't see it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from markupsafe import Markup

from reports.render.timeline_lanes import (
    CAPTION,
    PLOT,
    WIDTH,
    Lane,
    Scale,
    alert_lanes,
    band_lanes,
    track_lane,
    traffic_lane,
)
from reports.text import one_line
from suites.chronicle import Chronicle, Span, Track, Traffic

_AXIS: Final = 26
_GAP: Final = 9
_LONGEST: Final = 300
"""Characters of one name in the picture's own words; results.json has the whole."""


def picture(chronicle: Chronicle, name: str) -> Markup:
    """The SVG element. `name` tells this picture's patterns from those of others on the page."""
    own = "tl-" + re.sub(r"[^A-Za-z0-9]+", "-", name)
    scale = Scale(_end(chronicle))
    lanes = _lanes(chronicle, scale, own)
    parts, y = [], float(_AXIS)
    for lane in lanes:
        parts.append(lane.drawn(y))
        y += lane.height + CAPTION + _GAP
    title = f"Timeline of {name}"
    return Markup(
        '<svg class="tl" viewBox="0 0 {w} {h}" role="img" aria-labelledby="{own}-t {own}-d">'
        '<title id="{own}-t">{title}</title><desc id="{own}-d">{desc}</desc>{patterns}{shades}{axis}{lanes}</svg>'
    ).format(
        w=WIDTH, h=round(y), own=own, title=title, desc=" ".join(in_words(chronicle)), patterns=_patterns(own),
        shades=Markup("").join(_shade(span, scale, y) for span in chronicle.faults), axis=_axis(scale, y), lanes=Markup("").join(parts),
    )  # fmt: skip


def in_words(chronicle: Chronicle) -> list[str]:
    """The same in sentences, one for each thing in the picture."""
    said = [f"Fault {_short(span.text)}: {_stretch(span)}." for span in chronicle.faults]
    said += [f"{_short(span.text).capitalize()}: {_stretch(span)}." for span in chronicle.recoveries]
    said += [f"{_short(track.name)}: {facts_of(track)}." for track in chronicle.tracks]
    if chronicle.traffic:
        said.append(f"Users: {facts_of_traffic(chronicle.traffic)}.")
    said += [f"Alert {_short(span.text)}: {_stretch(span)}." for span in chronicle.alerts]
    return [f"{chronicle.seconds:.1f} s in all.", *said]


def facts_of(track: Track) -> str:
    """How often a question was answered wrongly, for how long at most, and how slow the slowest answer was."""
    wrong = sum(1 for one in track.answers if one.complaint)
    if not track.answers:
        return "never asked"
    slowest = max(one.seconds for one in track.answers)
    longest = max((end - begin for begin, end in track.outages), default=0.0)
    allowed = "" if track.allowed_seconds is None else f" (≤ {track.allowed_seconds:g} s)"
    outage = f", longest {longest:.2f} s{allowed}" if wrong else ""
    return f"{wrong} of {len(track.answers)} wrong{outage}, slowest {_brief(slowest)}"


def facts_of_traffic(traffic: tuple[Traffic, ...]) -> str:
    """How many requests, how many in vain, and the worst 95th percentile of a step."""
    asked, vain = sum(one.requests for one in traffic), sum(one.errors for one in traffic)
    worst = max((one.p95_seconds for one in traffic if one.p95_seconds is not None), default=None)
    slow = "" if worst is None else f", p95 at worst {_brief(worst)}"
    return f"{asked} requests, {vain} in vain{slow}"


def _lanes(chronicle: Chronicle, scale: Scale, own: str) -> Iterator[Lane]:
    yield from band_lanes("fault", chronicle.faults, scale, own)
    yield from band_lanes("recovery", chronicle.recoveries, scale, own)
    for track in chronicle.tracks:
        yield track_lane(track, facts_of(track), scale)
    if chronicle.traffic:
        yield traffic_lane(chronicle.traffic, facts_of_traffic(chronicle.traffic), scale)
    yield from alert_lanes(chronicle.alerts, scale)


def _brief(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _short(text: str) -> str:
    return one_line(text, _LONGEST)


def _stretch(span: Span) -> str:
    if span.to_seconds is None:
        return f"from {span.from_seconds:.1f} s on, and still at the end"
    return f"from {span.from_seconds:.1f} s to {span.to_seconds:.1f} s"


def _end(chronicle: Chronicle) -> float:
    """Where the picture ends: with whatever came last, however the experiment ended."""
    spans = [*chronicle.faults, *chronicle.recoveries, *chronicle.alerts]
    last = [span.to_seconds or span.from_seconds for span in spans]
    last += [one.at_seconds + one.seconds for track in chronicle.tracks for one in track.answers]
    last += [one.at_seconds + 1 for one in chronicle.traffic]
    return max(chronicle.seconds, *last, 0.1) if last else max(chronicle.seconds, 0.1)


def _patterns(own: str) -> Markup:
    return Markup(
        '<defs><pattern id="{own}-fault" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path class="tl-ink" d="M0 0V7" stroke-width="4"/></pattern>'
        '<pattern id="{own}-recovery" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="tl-dot" cx="2" cy="2" r="1.3"/>'
        "</pattern></defs>"
    ).format(own=own)


def _shade(span: Span, scale: Scale, bottom: float) -> Markup:
    left, right = scale(span.from_seconds), scale(scale.seconds if span.to_seconds is None else span.to_seconds)
    return Markup('<path class="tl-shade" d="M{l:.1f} {top}H{r:.1f}V{b:.1f}H{l:.1f}Z"/>').format(
        l=left, r=max(right, left + 1), top=_AXIS - 4, b=bottom
    )


def _axis(scale: Scale, bottom: float) -> Markup:
    lines = Markup("").join(
        Markup(
            '<path class="tl-grid" d="M{x:.1f} {top}V{b:.1f}"/><text class="tl-soft" x="{tx:.1f}" y="14" text-anchor="{anchor}">{text}</text>'
        ).format(
            x=scale(at),
            tx=scale(at),
            top=_AXIS - 7,
            b=bottom,
            text=f"{at:g} s",
            anchor="start" if at == 0 else "middle",
        )
        for at in scale.ticks()
    )
    base = Markup('<path class="tl-axis" d="M{l} {y}H{r}"/>').format(l=PLOT[0], r=PLOT[1], y=_AXIS - 7)
    return lines + base
