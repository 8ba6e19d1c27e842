"""Our renderer and `docker compose config` must say the same of a corpus, so that a check's verdict doesn't hang on which read the file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from stack.compose import load_project
from stack.errors import UserError
from tests.corpus.refused import REFUSED, Files
from tests.corpus.rendering import BARE, CASES, compared, golden, has_compose, ours, theirs

STACK = Path(__file__).resolve().parents[2] / "stack"
REFERENCE = {
    "reference-stack": [STACK / "compose.yaml"],
    **{
        f"reference-stack-{name}": [STACK / "compose.yaml", STACK / f"compose.{name}.yaml"]
        for name in ("blue-green", "drill")
    },
}
needs_compose = pytest.mark.skipif(
    not has_compose(), reason="docker compose is not installed here, so there is nothing to agree with"
)


@pytest.mark.parametrize("case", sorted(CASES))
def test_we_render_what_docker_compose_was_seen_to_render(case: str) -> None:
    expected = golden(case)

    assert compared(ours(CASES[case]), expected) == expected


@needs_compose
@pytest.mark.parametrize("case", sorted(CASES))
def test_docker_compose_still_renders_that(case: str) -> None:
    assert theirs(CASES[case]) == golden(case)


@needs_compose
@pytest.mark.parametrize("name", sorted(REFERENCE))
def test_both_agree_on_our_own_stack(name: str) -> None:
    said = theirs(REFERENCE[name], os.environ)

    assert compared(ours(REFERENCE[name], os.environ), said) == said


def test_the_corpus_is_large() -> None:
    assert len(CASES) >= 40


def written(files: Files, folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "compose.yaml"


@pytest.mark.parametrize("wrong", sorted(REFUSED))
def test_a_bad_file_is_refused_in_one_sentence_with_its_place(wrong: str, tmp_path: Path) -> None:
    files, expected = REFUSED[wrong]
    file = written(files, tmp_path)

    with pytest.raises(UserError) as refused:
        load_project([file], env={})

    sentence = str(refused.value)
    assert expected in sentence
    assert sentence.startswith(str(tmp_path))
    assert sentence.isprintable()


@needs_compose
@pytest.mark.parametrize("wrong", sorted(REFUSED))
def test_docker_compose_refuses_it_too(wrong: str, tmp_path: Path) -> None:
    written(REFUSED[wrong][0], tmp_path)

    argv = ["docker", "compose", "config", "--quiet"]
    said = subprocess.run(argv, cwd=tmp_path, env=BARE, capture_output=True, check=False, timeout=60)

    assert said.returncode != 0


def test_a_project_of_nothing_is_refused(tmp_path: Path) -> None:
    file = written(
        {"compose.yaml": "services: {}\n"}, tmp_path
    )  # docker compose renders it, and there is nothing to judge

    with pytest.raises(UserError, match="declares no services"):
        load_project([file], env={})
