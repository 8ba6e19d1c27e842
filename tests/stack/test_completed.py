"""Programs end: by themselves, when their time is over, or with whoever waits for them."""

from __future__ import annotations

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from stack.completed import Completed, complete
from stack.errors import CannotTell
from stack.execution import _take_frames
from stack.waiting import eventually


def test_both_streams_and_the_code_are_kept() -> None:
    done = complete(
        [sys.executable, "-c", "import sys; print('o'); print('e', file=sys.stderr); sys.exit(3)"], timeout_seconds=10
    )

    assert (done.code, done.stdout, done.stderr, done.ok) == (3, "o\n", "e\n", False)


def test_input_is_handed_over() -> None:
    assert complete(["cat"], timeout_seconds=10, stdin=b"x" * 200_000).stdout == "x" * 200_000


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    script = f"sleep 60 & echo $! > {mark}; wait"
    began = time.monotonic()

    with pytest.raises(CannotTell, match=r"did not end within 0\.3 s"):
        complete(["sh", "-c", script], timeout_seconds=0.3)

    child = int(mark.read_text())
    gone = lambda: not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]
    assert eventually(gone, within=timedelta(seconds=3), every=timedelta(milliseconds=20))
    assert time.monotonic() - began < 5


def test_a_program_that_is_not_there_is_an_open_question() -> None:
    with pytest.raises(CannotTell, match="cannot be run"):
        complete(["/no/such/program"], timeout_seconds=1)


def test_no_shell_reads_the_arguments() -> None:
    assert complete(["echo", "$HOME; id"], timeout_seconds=5).stdout == "$HOME; id\n"


def test_the_environment_is_what_was_given() -> None:
    assert complete(["env"], timeout_seconds=5, env={"A": "b", "PATH": os.environ["PATH"]}).stdout.startswith("A=b\n")


@pytest.mark.parametrize(
    ("stdout", "stderr", "words"),
    [
        ("out\n", "", "out"),
        ("out\n", "first\nlast\n\n", "last"),
        ("", "docker: no such image\nSee 'docker run --help'.\n", "docker: no such image"),
        ("", "", "it said nothing"),
    ],
)
def test_the_last_words_tell_what_went_wrong(stdout: str, stderr: str, words: str) -> None:
    assert Completed(("x",), 1, stdout, stderr, 0.0).last_words() == words


def test_frames_of_the_engines_stream_are_put_together_whatever_pieces_they_come_in() -> None:
    stream = b"\x01\0\0\0\0\0\0\x05hello" + b"\x02\0\0\0\0\0\0\x03err" + b"\x01\0\0\0\0\0\0\x01!"
    outputs = {1: bytearray(), 2: bytearray()}
    received = bytearray()

    for byte in stream:
        received.append(byte)
        _take_frames(received, outputs)

    assert (bytes(outputs[1]), bytes(outputs[2]), bytes(received)) == (b"hello!", b"err", b"")
