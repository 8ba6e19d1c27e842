"""The verdict as a small picture for a README: tier on the left, score on the right."""

from __future__ import annotations

from html import escape

from reports.gate import Tier, floored
from reports.scorecard import Scorecard

_COLOURS = {Tier.NOT_READY: "#b3261e", Tier.STAGING: "#9a6700", Tier.PRODUCTION: "#1a7f37"}
_PER_CHARACTER = 6.6


def render(card: Scorecard) -> str:
    """The badge as an SVG text."""
    label = "sea trials"
    number = "" if card.total.score is None else f" · {floored(card.total.score)}"
    text = f"{card.verdict.lower()}{number}"
    left, right = (round(len(part) * _PER_CHARACTER) + 14 for part in (label, text))
    colour = "#57606a" if card.partial else _COLOURS[card.tier]
    spoken, whole = escape(f"{label}: {text}"), left + right
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{spoken}">'
        f'<rect width="{whole}" height="20" rx="4" fill="{colour}"/>'
        f'<path d="M4 0h{left - 4}v20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4" fill="#24292f"/>'
        f'<g fill="#fff" font-family="Verdana,sans-serif" font-size="11">'
        f'<text x="7" y="14">{escape(label)}</text><text x="{left + 7}" y="14">{escape(text)}</text></g></svg>\n'
    )
