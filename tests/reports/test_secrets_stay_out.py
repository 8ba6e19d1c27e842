"""Our own reports never show a value of the stack that they judge: canaries in a foreign compose file, hunted in every file we write."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.model import Stack
from tests.reports.checklists import ROOT, results_of, run, write

pytest_plugins = "pytester"

CANARIES = {
    "build": "ghp_kBuildArgument7351kQz",
    "environment": "kEnvironment8462wVt",
    "label": "kLabelValue9573eRx",
    "command": "kCommandWord1684yUp",
    "env_file": "kEnvironFile2795mLn",
    "health": "kHealthWord3806bCd",
    "interpolated": "kFromDotEnv4917hGf",
}
COMPOSE = f"""
services:
  app:
    image: example/app:1
    build: {{context: ., args: {{GITHUB_TOKEN: {CANARIES["build"]}}}}}
    environment: {{DATABASE_PASSWORD: {CANARIES["environment"]}, OTHER_TOKEN: "${{OTHER_TOKEN}}"}}
    labels: {{deploy.token: {CANARIES["label"]}}}
    command: ["serve", "--password", "{CANARIES["command"]}"]
    env_file: [secret.env]
    healthcheck: {{test: ["CMD", "curl", "-u", "root:{CANARIES["health"]}", "localhost"]}}
    privileged: true
    ports: ["8080:80"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "secret.env").write_text(f"API_SECRET={CANARIES['env_file']}\n")
    (tmp_path / ".env").write_text(f"OTHER_TOKEN={CANARIES['interpolated']}\n")
    return tmp_path


@pytest.mark.parametrize("more", [[], ["--showlocals", "--tb=long", "-vv"]], ids=["plain", "everything-shown"])
def test_no_file_of_a_run_and_no_line_of_its_output_holds_a_value(project: Path, more: list[str]) -> None:
    command = [sys.executable, "-m", "pytest", "suites/security", "-m", "static", "-p", "no:cacheprovider", *more]
    command += ["--compose-file", str(project / "compose.yaml"), "--reports", str(project / "out")]

    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"DOCKER_HOST": "unix:///nonexistent/docker.sock"},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert " FAIL" in done.stdout, done.stdout + done.stderr
    texts = {"the terminal": done.stdout + done.stderr}
    texts |= {path.name: path.read_text(errors="replace") for path in (project / "out" / "latest").iterdir()}
    assert {"raw.html", "junit.xml", "readiness.html", "results.json"} <= texts.keys()
    leaks = [(name, kind) for name, text in texts.items() for kind, value in CANARIES.items() if value[:8] in text]
    assert leaks == []


def test_a_services_repr_is_its_name(project: Path) -> None:
    (service,) = Stack.load([project / "compose.yaml"]).services

    assert repr(service) == "<Service app>"


def test_arguments_operands_and_locals_of_a_broken_check_are_not_shown(checklist: pytest.Pytester) -> None:
    write(
        checklist,
        """
        import base64
        def ask(value): raise OSError("nobody answers")
        @checked(1)
        def test_1():
            local = base64.b64decode("aHVudGVyMg==").decode()
            ask(local)
        @checked(2)
        def test_2():
            assert base64.b64decode("aHVudGVyMg==").decode() == "x", "the password is weak"
        @pytest.fixture
        def asked():
            return ask(base64.b64decode("aHVudGVyMg==").decode())
        @checked(3)
        def test_3(asked): pass
        """,
    )

    done = run(checklist, "--showlocals", "-vv", "--tb=long", "--junitxml=own.xml")

    texts = [done.stdout.str(), (checklist.path / "own.xml").read_text()]
    texts += [path.read_text() for path in (checklist.path / "out" / "latest").iterdir()]
    assert not any("hunter2" in text for text in texts)
    trace = results_of(checklist.path)["results"][0]["traceback"]
    assert "test_it.py:" in trace
    assert "in ask" in trace
    assert trace.endswith("OSError: nobody answers")
