"""Why: most people meet the checks on a file of their own, where every false alarm costs trust: what is found in ten is reviewed, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus.rendering import compared, has_compose, ours, theirs
from tests.corpus.strangers import FOLDERS, findings, golden, judged


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


def test_there_are_ten() -> None:
    assert len(FOLDERS) == 10
