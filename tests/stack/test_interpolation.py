"""Variables are put in by the Compose specification, and each use is remembered with what provided it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.compose import load_project
from stack.dotenv import read_env_file
from stack.errors import UserError
from stack.interpolation import Interpolator

ENV = {"SET": "value", "EMPTY": "", "OTHER": "o"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$SET", "value"),
        ("${SET}", "value"),
        ("a${SET}b$SET-c", "avaluebvalue-c"),
        ("$$SET $${SET}", "$SET ${SET}"),
        ("$UNSET|${UNSET}", "|"),
        ("${UNSET:-d}|${EMPTY:-d}|${SET:-d}", "d|d|value"),
        ("${UNSET-d}|${EMPTY-d}|${SET-d}", "d||value"),
        ("${UNSET:+a}|${EMPTY:+a}|${SET:+a}", "||a"),
        ("${UNSET+a}|${EMPTY+a}|${SET+a}", "|a|a"),
        ("${UNSET:-${OTHER}}", "o"),
        ("${UNSET:-${EMPTY:-${OTHER}x}}", "ox"),
        ("${SET:?not seen}|${EMPTY?not seen}", "value|"),
        ("$(date) a$ $1 $", "$(date) a$ $1 $"),
        ("${UNSET:-a:b-c?d}", "a:b-c?d"),
    ],
)
def test_interpolation(text: str, expected: str) -> None:
    assert Interpolator(ENV).text(text, None) == expected


@pytest.mark.parametrize(
    "text", ["${UNSET:?say ${OTHER}}", "${EMPTY:?x}", "${UNSET?x}", "${SET", "${}", "${1}", "${SET!x}"]
)
def test_what_can_not_be_interpolated_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        Interpolator(ENV).text(text, None)


def test_defaults_inside_defaults_are_bounded() -> None:
    with pytest.raises(UserError, match="too deep"):
        Interpolator({}).text("${A:-" * 100 + "x" + "}" * 100, None)


def test_each_use_of_a_variable_is_remembered_with_its_line_and_what_provided_it(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("FROM_FILE=1\n")
    path = tmp_path / "compose.yaml"
    path.write_text(
        "services:\n  a:\n    image: i:${TAG}\n    user: ${UID_:-1}\n    hostname: ${FROM_FILE}\n    labels: {x: $$NO}\n"
    )

    project = load_project([path], env={})

    seen = {use.name: (use.where.line if use.where else 0, use.is_set, use.is_provided) for use in project.variables}
    assert seen == {"TAG": (3, False, False), "UID_": (4, False, True), "FROM_FILE": (5, True, True)}


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TAG=file\n")
    path = tmp_path / "compose.yaml"
    path.write_text("services: {a: {image: 'i:${TAG}'}}\n")

    assert load_project([path], env={}).tree["services"]["a"]["image"] == "i:file"
    assert load_project([path], env={"TAG": "shell"}).tree["services"]["a"]["image"] == "i:shell"


def test_env_files_are_listed_with_the_service_that_reads_them(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("")
    (tmp_path / "a.env").write_text("")
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  a:\n    image: i\n    env_file: [a.env, {path: b.env, required: false}]\n")

    files = load_project([path], env={}).env_files

    assert [(file.path.name, file.service, file.exists) for file in files] == [
        (".env", None, True),
        ("a.env", "a", True),
        ("b.env", "a", False),
    ]


def test_an_env_file_is_read_as_compose_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text(
        '# comment\n\nA=1\nexport B = two words # comment\nC=\'$A literal\'\nD="$A\\n\\"q\\""\nE=\n'
        'F="two\nlines"\nG: yaml style\nPASSED\nNOT_PASSED\nH=a#b\n'
    )

    found = read_env_file(path, {"PASSED": "on"})

    assert found == {
        "A": "1",
        "B": "two words",
        "C": "$A literal",
        "D": '1\n"q"',
        "E": "",
        "F": "two\nlines",
        "G": "yaml style",
        "PASSED": "on",
        "H": "a#b",
    }


@pytest.mark.parametrize(("text", "line"), [("A=1\n=2\n", 2), ("A='open\n", 1), ("1A B C\n", 1)])
def test_a_bad_line_of_an_env_file_is_told_with_its_number(text: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "x.env"
    path.write_text(text)

    with pytest.raises(UserError, match=rf"x\.env:{line}: "):
        read_env_file(path, {})
