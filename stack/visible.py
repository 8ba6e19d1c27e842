"""Writes out what would act on a terminal instead of being shown, since names, images and log lines are somebody else's."""

from __future__ import annotations

import re

# C0 and C1 controls, line breaks among them; bidirectional and zero-width formatting; surrogates.
_ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    r"""`text` on one line, each acting character as Python writes it (an escape becomes ``\x1b``)."""
    return _ACTING.sub(lambda found: ascii(found.group())[1:-1], text)
