"""Why: "no process remembers the old secret" is worth something only if one that does remember is found, wherever it keeps it."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from stack.errors import CannotTell
from suites.security import memory

KEEPS = "import sys; kept = sys.stdin.readline().strip() + '!'; print('ready', flush=True); sys.stdin.readline()"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root reads another process' memory everywhere")


@pytest.fixture
def keeper() -> subprocess.Popen[str]:
    """A process that waits to be told what to remember."""
    return subprocess.Popen([sys.executable, "-c", KEEPS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_what_a_process_was_told_is_found_and_what_it_was_not_told_is_not(keeper: subprocess.Popen[str]) -> None:
    told, untold = secrets.token_hex(16), secrets.token_hex(16)
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    with keeper:
        keeper.stdin.write(told + "\n")
        keeper.stdin.flush()
        keeper.stdout.readline()

        found = memory.held(keeper.pid, {"told": told.encode(), "untold": untold.encode()})

        keeper.stdin.close()
    assert found == {"told"}


def test_a_needle_that_lies_across_two_reads_is_found(monkeypatch: pytest.MonkeyPatch, keeper: subprocess.Popen[str]) -> None:
    monkeypatch.setattr(memory, "CHUNK_BYTES", 4096)
    text = secrets.token_hex(6000)
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    with keeper:
        keeper.stdin.write(text + "\n")
        keeper.stdin.flush()
        keeper.stdout.readline()

        found = memory.held(keeper.pid, {"long": text.encode()[:5000]})

        keeper.stdin.close()
    assert found == {"long"}


def test_a_process_that_has_ended_holds_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(timeout=30)

    assert memory.held(ended.pid, {"x": b"x"}) == frozenset()


def test_memory_that_may_not_be_read_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "7").mkdir()

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)

    with pytest.raises(CannotTell, match="Permission denied"):
        memory.held(7, {"x": b"x"}, proc=tmp_path)
