"""Programs are bounded in time and end with what they started."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from stack.command import Ran, run
from stack.errors import UserError
from stack.waiting import eventually


def _runs(pid: str) -> bool:
    """Whether a process still runs: one that ended may wait for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_output_and_code_are_answered() -> None:
    answer = run(["sh", "-c", "echo out; echo err >&2; exit 3"], within_seconds=10)

    assert (answer.code, answer.output, answer.ok) == (3, "out\nerr\n", False)


def test_standard_error_can_be_left_out() -> None:
    assert run(["sh", "-c", "echo out; echo err >&2"], within_seconds=10, merge=False).output == "out\n"


def test_a_program_that_is_not_there_is_an_answer() -> None:
    assert run(["no-such-program-here"], within_seconds=1).code == 127


def test_a_program_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    with pytest.raises(UserError, match="did not end within 0 s"):
        run(["sh", "-c", f"sleep 60 & echo $! > {pids}; echo x; wait"], within_seconds=0.4)

    eventually(lambda: not _runs(pids.read_text().strip()), within=timedelta(seconds=5), every=timedelta(seconds=0.05))


def test_a_program_that_says_nothing_is_given_up_sooner() -> None:
    answer = run(["sleep", "60"], within_seconds=60, first_word_within_seconds=0.1)

    assert answer.stayed_silent and not answer.ok


def test_a_program_that_spoke_gets_all_its_time() -> None:
    answer = run(["sh", "-c", "echo x; sleep 0.5; echo y"], within_seconds=10, first_word_within_seconds=0.3)

    assert answer.ok and answer.output == "x\ny\n"


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("a\nE: no room\nlast\n", "E: no room"),
        ("ERROR: first\nerror: second\nx", "error: second"),
        ("only\n\n", "only"),
        ("", "it said nothing"),
    ],
)
def test_the_last_words_are_those_that_name_the_error(output: str, words: str) -> None:
    assert Ran(("x",), 1, output).last_words() == words
