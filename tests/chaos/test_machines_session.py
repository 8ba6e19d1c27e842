"""`pytest chaos --seed N` and `--replay FILE` choose a machine's list; what is no list ends in one sentence and exit code 4."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.machines.plugin import seconds, whole

ROOT = Path(__file__).parents[2]
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
HEAD = '{"format": 1, "machine": "orders", "seed": 3}\n'
KILL = '{"step": "begin", "with": {"effect": "killed", "parameters": {"service": "%s"}, "buyer": 0, "listing": 0}}\n'


def run(*arguments: str | Path, cwd: Path, what: str = "test_machines.py") -> subprocess.CompletedProcess[str]:
    """Run pytest as people do, on the machines, without an engine."""
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--reports",
        str(cwd / "out"),
        str(ROOT / "chaos" / what),
    ]
    return subprocess.run(
        [*argv, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **NO_ENGINE},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


BAD_INPUT: dict[str, tuple[str | None, list[str], str]] = {
    "unknown file": (None, [], "list.jsonl: can't be read: No such file or directory"),
    "torn": (HEAD + '{"step": "en', [], "list.jsonl:2: the last line is torn"),
    "no machine": ('{"format": 1, "machine": "ships"}\n{"step": "end"}\n', [], "there is no machine 'ships' (there are "),
    "unknown step": (HEAD + '{"step": "dance"}\n', [], "step 1: orders has no step 'dance'"),
    "unknown fault": (HEAD + (KILL % "nginx").replace("killed", "eaten"), [], "step 1, begin: there is no fault 'eaten'"),
    "unknown service": (HEAD + KILL % "ngnix", [], "step 1, killed(ngnix): the stack has no service 'ngnix'"),
    "another machine": (HEAD + '{"step": "end"}\n', ["--experiment", "EXP-EDG-001"], "is of the machine orders, which is EXP-ORD-001"),
    "time": (HEAD + '{"step": "end"}\n', ["--machine-within", "nan"], "--machine-within nan: must be seconds"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD_INPUT))
def test_bad_input_is_one_sentence_and_exit_code_4(name: str, tmp_path: Path) -> None:
    text, arguments, expected = BAD_INPUT[name]
    path = tmp_path / "list.jsonl"
    if text is not None:
        path.write_text(text)

    done = run("--replay", path, *arguments, cwd=tmp_path)

    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert expected in errors[0]
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--machine-steps", "0", "must be a whole number from 1 to 500"),
        ("--machine-steps", "501", "must be a whole number from 1 to 500"),
        ("--machine-steps", "x", "must be a whole number"),
    ],
)
def test_a_number_of_steps_that_is_none_is_refused(option: str, text: str, says: str) -> None:
    with pytest.raises(pytest.UsageError, match=f"^{option} {text}: {says}$"):
        whole(option, text, 500)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "86401", "1h", ""])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(
        pytest.UsageError, match=f"^--minimise-within {text}: must be seconds, more than 0 and at most 86400$"
    ):
        seconds("--minimise-within", text)


def test_a_replay_is_of_its_machine_and_of_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(HEAD + KILL % "nginx")

    done = run("--replay", path, "--collect-only", "-q", cwd=tmp_path)

    chosen = [line for line in done.stdout.splitlines() if "::" in line]
    assert [line.rpartition("::")[2] for line in chosen] == ["test_nothing_is_lost_whatever_comes[EXP-ORD-001]"], (
        done.stdout
    )


def test_a_replay_where_its_machine_was_not_asked_for_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(HEAD + '{"step": "end"}\n')

    done = run("--replay", path, cwd=tmp_path, what="test_experiments.py")

    assert done.returncode == 4
    assert (
        "ERROR: --replay: EXP-ORD-001 is not among what was collected: pytest chaos --replay FILE"
        in done.stdout + done.stderr
    )


def test_a_stack_without_what_it_is_about_makes_it_not_applicable(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  web: {image: 'example/web:1'}\n")

    done = run("--compose-file", tmp_path / "compose.yaml", "--experiment", "EXP-ORD-001", cwd=tmp_path)

    assert "1 NOT APPLICABLE" in done.stdout, done.stdout
