"""Why: most people meet the checks on a file of their own, where every false alarm costs trust: what is found in ten is reviewed, line by line."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from stack.model import Stack
from suites.security.rules import exposure
from tests.corpus.rendering import compared, has_compose, ours, theirs
from tests.corpus.strangers import FOLDERS, findings, golden, judged, run_static


@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_what_is_found_in_a_strangers_file_is_what_was_reviewed(name: str, tmp_path: Path) -> None:
    results = judged(name, tmp_path)

    assert findings(name, results) == golden(name)


@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed here, so there is nothing to agree with")
@pytest.mark.parametrize("name", sorted(FOLDERS))
def test_a_strangers_file_is_read_as_docker_compose_reads_it(name: str) -> None:
    files = [FOLDERS[name] / "compose.yaml"]
    said = theirs(files)

    assert compared(ours(files), said) == said


def test_where_the_files_are_checked_out_makes_their_own_folders_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    below = 0
    for folder in FOLDERS.values():
        stack = Stack.load([folder / "compose.yaml"])
        sources = [one.source for service in stack.services for one in service.mounts if one.kind == "bind"]
        own = [source for source in sources if Path(source).is_relative_to(folder)]
        below += len(own)
        monkeypatch.setattr(exposure, "SENSITIVE", (*exposure.SENSITIVE, str(folder.parent)))
        project = PurePosixPath(stack.declared.folder)
        assert [one for one in own if exposure.host_path_problem(one, read_only=False, project=project)] == []
    assert below


def test_there_are_ten() -> None:
    assert len(FOLDERS) == 10


HOSTILE = r"""
services:
  web:
    image: "example/web\e[31m:1"
    container_name: "<img src=x onerror=alert(1)>"
    command: ["sh", "-c", "\u202eecho\nERROR: all is well"]
    labels: {"<script>alert('label')</script>": "\e]0;owned\a"}
    environment: {"A\e[2J": "1", DB_PASSWORD: "hunter22<script>alert(2)</script>"}
    ports: ["8080:80"]
    volumes: ["/etc/<b>x:/x\e[1m"]
    healthcheck: {test: "\e[8mexit 0"}
"""


def test_names_and_values_that_act_are_shown_and_do_nothing(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(HOSTILE)

    done = run_static(tmp_path / "compose.yaml", tmp_path / "out")

    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    assert "hunter22" not in said
    assert not [letter for letter in said if not letter.isprintable() and letter not in "\n\t"]
    latest = tmp_path / "out" / "latest"
    for page in ("readiness.html", "raw.html"):
        text = (latest / page).read_text()
        assert "<script>alert(" not in text
        assert "<img src=x" not in text
        assert "\x1b" not in text
