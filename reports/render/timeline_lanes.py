"""The rows of a timeline picture: each kind of thing has a shape of its own, so that print without colours loses nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from suites.chronicle import Span, Track, Traffic

WIDTH: Final = 720
"""The picture's own width. A page in print leaves 617 px of it on A4 (measured), where the letters' 15 units are 9.6 pt."""
PLOT: Final = (10, 706)
CAPTION: Final = 20
_BAND: Final = 18
_TRACK: Final = 30
_PER_CHARACTER: Final = 7.6
"""Units that a character takes on average at the pictures' font size, on the wide side."""
_LEAST_SHOWN: Final = 0.05
"""Seconds: where every answer is quicker than this, the quickest half of the lane stays empty rather than showing noise as load."""


@dataclass(frozen=True)
class Scale:
    """Seconds to units across."""

    seconds: float

    def __call__(self, at: float) -> float:
        """Where a moment is; what lies outside is shown at the edge."""
        share = min(max(at / self.seconds, 0.0), 1.0)
        return PLOT[0] + share * (PLOT[1] - PLOT[0])

    def ticks(self) -> Iterator[float]:
        """The moments that get a line and a number: at most eleven, at round numbers."""
        raw = self.seconds / 10
        power = 10 ** math.floor(math.log10(raw))
        step = next(one * power for one in (1, 2, 5, 10) if one * power >= raw)
        for number in range(int(self.seconds / step) + 1):
            yield round(number * step, 6)


@dataclass(frozen=True)
class Lane:
    """A row: what is said above it (a long name is cut, the facts never are), and what is drawn, with its top at zero."""

    name: str
    facts: str
    height: float
    body: Markup

    def drawn(self, y: float) -> Markup:
        """The row at its place."""
        room = int((PLOT[1] - PLOT[0]) / _PER_CHARACTER) - len(self.facts) - 2
        cut = self.name if len(self.name) <= room else f"{self.name[: max(room, 8) - 1]}…"
        whole = Markup("<title>{}</title>").format(self.name) if cut != self.name else Markup("")
        return Markup(
            '<g transform="translate(0 {y:.1f})"><text x="{x}" y="14">{whole}{cut}{facts}</text>'
            '<g transform="translate(0 {caption})">{body}</g></g>'
        ).format(
            y=y, x=PLOT[0], whole=whole, cut=cut, facts=f": {self.facts}" if self.facts else "", caption=CAPTION, body=self.body
        )  # fmt: skip


def band_lanes(kind: str, spans: Sequence[Span], scale: Scale, own: str) -> Iterator[Lane]:
    """Each fault or recovery in a row of its own: two that overlap are seen to."""
    for span in spans:
        end = scale.seconds if span.to_seconds is None else span.to_seconds
        lasted = "still standing at the end" if span.to_seconds is None else f"{end - span.from_seconds:.2f} s"
        left, right = scale(span.from_seconds), max(scale(end), scale(span.from_seconds) + 3)
        body = Markup(
            '<rect class="tl-{kind}" x="{l:.1f}" y="0" width="{w:.1f}" height="{h}" fill="url(#{own}-{kind})"/>'
        ).format(kind=kind, l=left, w=right - left, h=_BAND, own=own)
        yield Lane(kind if span.text == kind else f"{kind}: {span.text}", lasted, _BAND, body)


def track_lane(track: Track, facts: str, scale: Scale) -> Lane:
    """Thin lines as high as answers were slow, and a solid block over every outage."""
    slowest = max((one.seconds for one in track.answers), default=0.0)
    top = max(slowest, _LEAST_SHOWN)
    right = _comb(((one.at_seconds, one.seconds / top) for one in track.answers if not one.complaint), scale)
    blocks = Markup("").join(
        Markup('<rect class="tl-wrong" x="{x:.1f}" y="0" width="{w:.1f}" height="{h}"/>').format(
            x=scale(begin), w=max(scale(end) - scale(begin), 2.5), h=_TRACK
        )
        for begin, end in track.outages
    )
    return Lane(
        track.name, facts, _TRACK, _ground(_TRACK) + Markup('<path class="tl-right" d="{d}"/>').format(d=right) + blocks
    )


def traffic_lane(traffic: Sequence[Traffic], facts: str, scale: Scale) -> Lane:
    """An outlined bar for a second's requests, solid from below as far as they were in vain, and a dashed line for p95."""
    most = max((one.requests for one in traffic), default=0) or 1
    slowest = max((one.p95_seconds or 0.0 for one in traffic), default=0.0) or 1.0
    width = traffic[1].at_seconds - traffic[0].at_seconds if len(traffic) > 1 else 1.0
    bars = []
    for one in traffic:
        x, w = scale(one.at_seconds), max(scale(one.at_seconds + width) - scale(one.at_seconds) - 1, 1.0)
        for kind, number in (("asked", one.requests), ("vain", one.errors)):
            high = _TRACK * min(number / most, 1.0)
            if number:
                bars.append(
                    Markup('<rect class="tl-{kind}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>').format(
                        kind=kind, x=x, y=_TRACK - high, w=w, h=high
                    )
                )
    points = [
        f"{scale(one.at_seconds + width / 2):.1f} {_TRACK - (_TRACK - 2) * one.p95_seconds / slowest:.1f}"
        for one in traffic
        if one.p95_seconds is not None
    ]
    line = Markup('<path class="tl-p95" d="M{d}"/>').format(d="L".join(points)) if len(points) > 1 else Markup("")
    return Lane(
        "users", f"{facts} (solid: in vain, dashed: p95)", _TRACK, _ground(_TRACK) + Markup("").join(bars) + line
    )


def alert_lanes(alerts: Sequence[Span], scale: Scale) -> Iterator[Lane]:
    """Each alert a line from the moment it was seen to fire to the moment it was not, with an end mark where it ended."""
    for span in alerts:
        left = scale(span.from_seconds)
        right = scale(scale.seconds if span.to_seconds is None else span.to_seconds)
        end = "" if span.to_seconds is None else f"M{right:.1f} 1V13"
        body = Markup('<path class="tl-alert" d="M{l:.1f} 1V13M{l:.1f} 7H{r:.1f}{end}"/>').format(
            l=left, r=max(right, left + 3), end=end
        )
        yield Lane(f"alert: {span.text}", "", 14, body)


def _comb(answers: Iterable[tuple[float, float]], scale: Scale) -> str:
    """One upright line a unit across at most: the slowest answer that falls on it."""
    highest: dict[int, float] = {}
    for at, share in answers:
        x = round(scale(at))
        highest[x] = max(highest.get(x, 0.0), share)
    return "".join(
        f"M{x} {_TRACK}V{_TRACK - max(2.5, (_TRACK - 2) * share):.1f}" for x, share in sorted(highest.items())
    )


def _ground(height: float) -> Markup:
    return Markup('<path class="tl-axis" d="M{l} {y}H{r}"/>').format(l=PLOT[0], r=PLOT[1], y=height)
