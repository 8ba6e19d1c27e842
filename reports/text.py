"""Text from elsewhere, made safe to show: every character of it visible, none of it acting.

Why this exists: log lines, headers and container names reach the reports. An escape sequence can repaint a terminal, a
bidirectional override can turn a sentence round, a lone surrogate can stop a file from being written.
"""

from __future__ import annotations

import re

# C0 and C1 controls but for newline and tab; bidirectional and zero-width formatting; surrogates; non-characters of XML.
_ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)


def printable(text: str) -> str:
    r"""Return ``text`` with each acting character written out (an escape becomes ``\x1b``); newlines and tabs stay."""
    if not _ACTING.search(text):
        return text
    return _ACTING.sub(_written, text.replace("\r\n", "\n"))


def _written(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def shortened(text: str, limit: int) -> str:
    """Return at most about ``limit`` characters of ``text``, saying how many more there are."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def one_line(text: str, limit: int = 300) -> str:
    """Return ``text`` as a single line of at most about ``limit`` characters."""
    return shortened(" ".join(text.split()), limit)


def few_lines(text: str, most: int = 8, width: int = 300) -> str:
    """Return the first lines of ``text``, none longer than about ``width``, saying how many more there are."""
    lines = [line for line in text.splitlines() if line.strip()]
    shown = [shortened(line.rstrip(), width) for line in lines[:most]]
    return "\n".join([*shown, *([f"… and {len(lines) - most} more lines"] if len(lines) > most else [])])


def seconds(value: float) -> str:
    """Return a duration as a person says it: ``0.4 s``, ``12 s``, ``3 min 05 s``, ``26 h 10 min``."""
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 120:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest:02d} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
