"""Ten compose files as strangers write them, and what the static security checks find in each, by id and service.

`python -m tests.corpus.strangers` writes the findings beside the files (`findings.txt`): a change of them is seen in review.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {folder.name: folder for folder in sorted((Path(__file__).parent / "strangers").iterdir()) if folder.is_dir()}
#: Judged by the calendar, so its verdict on one file changes by itself.
_DATED = ("SEC-SUP-001",)
_WORDS = {"FAIL": "FAIL", "INCONCLUSIVE": "OPEN"}
_REACHED = re.compile(r"\(for ([^)]*)\)")


def judged(name: str, folder: Path) -> list[dict[str, Any]]:
    """The results of the static security checks on a copy of a stranger's files, without an engine.

    A copy, because modes and the repository around them are judged too; raises AssertionError when the run itself fails.
    """
    theirs = folder / name
    shutil.copytree(FOLDERS[name], theirs)
    for file in theirs.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    done = run_static(theirs / "compose.yaml", folder / "out")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr, done.stdout
    found = folder / "out" / "latest" / "results.json"
    results: list[dict[str, Any]] = json.loads(found.read_text())["results"]
    return results


def run_static(file: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The static security checks on a compose file as a process, without an engine; reports go to `out`."""
    words = ["suites/security", "-m", "static", "-q", "-p", "no:cacheprovider"]
    argv = [sys.executable, "-m", "pytest", *words, "--reports", str(out), "--compose-file", str(file)]
    env = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


def findings(name: str, results: list[dict[str, Any]]) -> list[str]:
    """`FAIL SEC-CMP-004 mongo, mongo-express`: what does not pass, with the services it is about."""
    services = frozenset(_services(FOLDERS[name]))
    by_id: dict[tuple[str, str], set[str]] = {}
    for result in results:
        word = _WORDS.get(result["outcome"])
        if word is None or result["id"] in _DATED:
            continue
        about = {str(result.get("subject"))} & services or _named(str(result.get("reason") or ""), services)
        by_id.setdefault((word, result["id"]), set()).update(about)
    return [" ".join([word, id_, ", ".join(sorted(about)) or "-"]) for (word, id_), about in sorted(by_id.items())]


def golden(name: str) -> list[str]:
    """The findings that were written down."""
    return (FOLDERS[name] / "findings.txt").read_text(encoding="utf-8").splitlines()


def _named(message: str, services: frozenset[str]) -> set[str]:
    """The services that lines of a message begin with, or say that they reach."""
    heads = [line.partition(": ")[0] for line in message.splitlines()]
    heads += _REACHED.findall(message)
    return {word.strip() for head in heads for word in head.split(",")} & services


def _services(folder: Path) -> Mapping[str, Any]:
    from stack.compose import load_project

    services: Mapping[str, Any] = load_project([folder / "compose.yaml"], env={}).tree["services"]
    return services


def write() -> None:
    """Write down what is found today."""
    for name, folder in FOLDERS.items():
        with tempfile.TemporaryDirectory() as out:
            lines = findings(name, judged(name, Path(out)))
        (folder / "findings.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
