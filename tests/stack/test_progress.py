"""A waiting person sees what is done and for how long."""

from __future__ import annotations

import io

import pytest

from stack import progress
from stack.progress import Progress, clock


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, "0:00"), (72, "1:12"), (3723, "1:02:03")])
def test_a_span_reads_like_a_stopwatch(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_a_step_that_ended_leaves_one_line() -> None:
    stream = io.StringIO()

    with Progress(stream).step("building loki"):
        pass

    assert stream.getvalue() == "✓ building loki (0:00)\n"


def test_a_step_that_failed_says_so_and_lets_the_error_through() -> None:
    stream = io.StringIO()

    with pytest.raises(ValueError, match="boom"), Progress(stream).step("building loki"):
        raise ValueError("boom")

    assert stream.getvalue() == "✗ building loki (0:00)\n"


@pytest.mark.parametrize(("stream", "setting"), [(Terminal(), "LIVE_EVERY_SECONDS"), (io.StringIO(), "PLAIN_EVERY_SECONDS")])
def test_what_is_under_way_is_shown_meanwhile(
    stream: io.StringIO, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from stack.waiting import eventually

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "LIVE_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(progress, "PLAIN_EVERY_SECONDS", 0.01)
    shown = Progress(stream)

    with shown.step("building a"), shown.step("building b"):
        eventually(
            lambda: "▸ building a (0:00) · building b (0:00)" in stream.getvalue(),
            within=timedelta(seconds=5),
            every=timedelta(seconds=0.01),
        )
    shown.close()


def test_quiet_writes_nothing() -> None:
    stream = io.StringIO()
    shown = Progress(stream, quiet=True)

    with shown.step("x"):
        shown.say("y")

    assert stream.getvalue() == ""


def test_a_stream_that_knows_no_such_letters_gets_others() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    with Progress(stream).step("building"):
        pass

    stream.flush()
    assert raw.getvalue() == b"? building (0:00)\n"
