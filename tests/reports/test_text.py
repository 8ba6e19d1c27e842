"""Text from elsewhere can be shown: nothing in it acts, nothing of it is lost without a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.text import few_lines, one_line, printable, seconds, shortened


@given(st.text(st.characters(codec=None), max_size=60))
def test_printable_text_can_be_written_and_stays_as_it_is(text: str) -> None:
    shown = printable(text)

    shown.encode("utf-8")
    assert printable(shown) == shown
    assert all(one.isprintable() or one in "\n\t" or ord(one) > 0x7F for one in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb", "a\nb"),
        ("a\rb", "a\\x0db"),
        ("\u202egnp", "\\u202egnp"),
        ("\udc80", "\\udc80"),
        ("ümläut ✓", "ümläut ✓"),
    ],
)
def test_what_would_act_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_is_cut_is_counted() -> None:
    assert shortened("abcdef", 4) == "abcd… (2 more characters)"
    assert one_line(" a\n  b ") == "a b"
    assert few_lines("a\n\nb\nc", most=2) == "a\nb\n… and 1 more lines"


@pytest.mark.parametrize(
    ("value", "said"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.6, "60 s"), (185, "3 min 05 s"), (94_200, "26 h 10 min")]
)
def test_durations_are_said_as_people_say_them(value: float, said: str) -> None:
    assert seconds(value) == said
