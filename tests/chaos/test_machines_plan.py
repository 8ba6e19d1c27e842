"""A list of steps is on disk before each step is done, reads back the same, and a file that isn't one is refused by its line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaos.machines.plan import Plan, PlanFile, Step, read
from stack.errors import CannotTell, UserError

ROOT = Path(__file__).parents[2]
HEAD = '{"format": 1, "machine": "orders", "seed": 3}\n'
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda some: st.lists(some) | st.dictionaries(st.text(), some),
    max_leaves=5,
)
steps = st.builds(Step, st.text(min_size=1), st.dictionaries(st.text(), values))


def write(path: Path, plan: Plan) -> Path:
    file = PlanFile.begin(path, plan)
    for step in plan.steps:
        file.step(step)
        file.note("came", "it was done")
    file.note("end", "held")
    file.close()
    return path


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=8), st.none() | st.integers())
def test_what_was_written_reads_back_the_same(some: list[Step], seed: int | None) -> None:
    plan = Plan("orders", tuple(some), seed, "hypothesis 6")
    path = ROOT / ".seatrial" / f"test-plan-{os.getpid()}.jsonl"
    path.unlink(missing_ok=True)
    try:
        assert read(write(path, plan)) == plan
    finally:
        path.unlink()


def test_a_killed_run_leaves_what_it_had_begun(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    code = (
        "import os, signal, sys; from pathlib import Path; from chaos.machines.plan import *\n"
        "file = PlanFile.begin(Path(sys.argv[1]), Plan('orders', (), 3))\n"
        "file.step(Step('order', {'key': 0})); file.note('came', 'order a'); file.step(Step('end'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False)

    assert done.returncode == -signal.SIGKILL
    assert read(path) == Plan("orders", (Step("order", {"key": 0}), Step("end")), 3)


def test_a_list_is_never_written_over_another(tmp_path: Path) -> None:
    write(tmp_path / "list.jsonl", Plan("orders", (Step("end"),)))

    with pytest.raises(CannotTell, match="can't be written: File exists"):
        PlanFile.begin(tmp_path / "list.jsonl", Plan("orders", ()))


def test_a_full_disk_is_no_list_and_so_no_step(tmp_path: Path) -> None:
    file = PlanFile(tmp_path / "list.jsonl", os.open("/dev/full", os.O_WRONLY))

    with pytest.raises(CannotTell, match=r"list\.jsonl can't be written: No space left on device"):
        file.step(Step("end"))

    file.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not begin with a list's head"),
        ("nonsense\n", ":1: is no JSON"),
        ("[" * 100_000 + "\n", ":1: is no JSON"),
        ("[]\n", ":1: is no JSON object"),
        ('{"format": 2, "machine": "orders"}\n', "does not begin with a list's head"),
        ('{"format": 1}\n', "does not begin with a list's head"),
        ('{"format": 1, "machine": "orders", "seed": "x"}\n', ":1: the seed is a whole number or null"),
        (HEAD, "has 0 steps, expected 1 to 1000"),
        (HEAD + '{"step": "end"}\n' * 1001, "has 1001 steps"),
        (HEAD + '{"step": "end"}\n{"step": "or', ":3: the last line is torn; delete it to replay what is whole"),
        (HEAD + '{"step": 3}\n', ":2: is no step"),
        (HEAD + '{"step": "end", "with": []}\n', ":2: is no step"),
        (HEAD + '{"note": "end"}\n{"stepp": "end"}\n', ":3: is no step"),
        ("\udcff", "is no text, so no list of steps"),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "list.jsonl"
    path.write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(UserError) as refused:
        read(path)

    assert says in str(refused.value)
    assert str(refused.value).startswith(f"{path}:")
    assert "\n" not in str(refused.value)


def test_what_can_not_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere: can't be read: No such file or directory"):
        read(tmp_path / "nowhere")
    with pytest.raises(UserError, match="can't be read: Is a directory"):
        read(tmp_path)


def test_a_file_too_long_for_a_list_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    with path.open("w") as file:
        file.truncate(5_000_000_000)

    with pytest.raises(UserError, match="longer than any list of steps"):
        read(path)


def test_a_step_is_told_as_it_would_be_called() -> None:
    assert str(Step("begin", {"parameters": {"service": "nginx", "peers": ["a", "b"]}, "buyer": 0})) == (
        "begin(parameters={service: nginx, peers: a+b}, buyer=0)"
    )
