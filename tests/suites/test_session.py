"""A session is about the stack that was asked for, answers bad input with one sentence and exit code 4, and asks before it breaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from suites.check import Area, Check, Impact, Level, Severity
from suites.choice import Asked, How, choose
from suites.session import refusal

ROOT = Path(__file__).resolve().parents[2]
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}

COMPOSE = "services:\n  web: {image: 'example/web:1', ports: ['127.0.0.1:24001:80']}\n  db: {image: 'postgres:16'}\n"
CHECKS = """
from suites.check import Area, Impact, Level, Severity, check

def made(id, level, impact):
    return check(id, title="It holds", area=Area.SECURITY, severity=Severity.LOW, level=level, impact=impact,
                 rationale="A reason that is long enough.", remediation="Do the right thing.")

@made("SEC-TRY-001", Level.OBSERVED, Impact.DESTRUCTIVE)
def test_breaks(stack): pass

@made("SEC-TRY-002", Level.OBSERVED, Impact.PASSIVE)
def test_looks(stack, service): stack.container(service)

@made("SEC-TRY-003", Level.DECLARED, Impact.PASSIVE)
def test_reads(stack, service): assert service.image

@made("SEC-TRY-004", Level.OBSERVED, Impact.INTRUSIVE)
def test_asks(stack): pass
"""


def run(*args: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run pytest as people do, from `cwd`, with the session's plugins and settings."""
    argv = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT)]
    argv += ["-p", "suites.session", "-p", "suites.collection", "-p", "suites.hosts", "-p", "reports.plugin", "--reports", str(cwd / "out")]
    argv += ["-p", "no:cacheprovider", *map(str, args)]
    whole = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.run(argv, cwd=cwd, env=whole, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "test_try.py").write_text(CHECKS)
    return tmp_path


BAD_INPUT = {
    "missing": (["--compose-file", "nope.yaml"], {}, "nope.yaml: no such compose file"),
    "folder": (["--compose-file", "."], {}, "is a folder, not a compose file"),
    "malformed": (["--compose-file", "c.yaml"], {"c.yaml": "services: [\n"}, "c.yaml:2: not valid YAML"),
    "unset": (["--compose-file", "c.yaml"], {"c.yaml": "services:\n  a: {image: '${X:?say}'}\n"}, "c.yaml:2: services.a.image: the variable X is required and not set: say"),
    "undefined network": (["--compose-file", "c.yaml"], {"c.yaml": "services:\n  a: {image: x, networks: [n]}\n"}, "there is no network 'n'"),
    "services a list": (["--compose-file", "c.yaml"], {"c.yaml": "services: []\n"}, "c.yaml:1: 'services' must be a mapping of names"),
    "empty": (["--compose-file", "c.yaml"], {"c.yaml": ""}, "c.yaml:1: is empty"),
    "depth": (["--compose-file", "c.yaml"], {"c.yaml": "a: " + "[" * 100_000}, "c.yaml:1: nested deeper than 200 levels"),
    "a name that acts": (["--compose-file", "c.yaml"], {"c.yaml": 'services:\n  a: {image: x, "\\e[2J\\nERROR: fine": y}\n'}, "unknown key '\\x1b[2J\\nERROR: fine'"),
    "include of itself": (["--compose-file", "c.yaml"], {"c.yaml": "include: [c.yaml]\nservices: {a: {image: x}}\n"}, "c.yaml: includes itself"),
    "env file missing": (["--compose-file", "c.yaml"], {"c.yaml": "services:\n  a: {image: x, env_file: ../nope.env}\n"}, "nope.env is not there"),
    "profile missing": (["--compose-file", "compose.yaml", "--profile", "p.toml"], {}, "p.toml: no such file"),
    "profile key": (["--compose-file", "compose.yaml", "--profile", "p.toml"], {"p.toml": "\n[flwos]\n"}, "p.toml:2: unknown key 'flwos' (did you mean 'flows'?)"),
    "profile type": (["--compose-file", "compose.yaml", "--profile", "p.toml"], {"p.toml": "[load]\nusers = 'x'\n"}, "p.toml:2: 'load.users' must be a whole number, not 'x'"),
    "profile service": (["--compose-file", "compose.yaml", "--profile", "p.toml"], {"p.toml": "[services.wbe]\n"}, "p.toml:1: unknown service 'wbe' (did you mean 'web'?)"),
    "without": (["--compose-file", "compose.yaml", "--without", "wbe"], {}, "--without wbe: there is no such service (did you mean 'web'?)"),
    "up alone": (["--up"], {}, "--up starts a copy of --compose-file FILE"),
    "allow": (["--allow", "everything"], {}, "--allow everything: must be `intrusive` or `destructive PROJECT`"),
    "destructive unconfirmed": (["--compose-file", "compose.yaml", "--allow", "destructive"], {}, "needs the name of the attached project"),
    "destructive for another": (["--attach", "mine", "--allow", "destructive=other"], {}, "(attached: mine, named: other)"),
    "attach to nothing": (["--attach", ""], {}, "--attach: its value is empty"),
    "profile of nothing": (["--compose-file", "compose.yaml", "--profile", ""], {}, "--profile: its value is empty"),
    "compose file of nothing": (["--compose-file", ""], {}, "--compose-file: its value is empty"),
    "without nothing": (["--without", ","], {}, "--without: its value is empty"),
    "reports nowhere": (["--reports", ""], {}, "--reports: its value is empty"),
    "ssh config": (["--ssh-config", "nope"], {}, "--ssh-config nope: there is no such file"),
    "seed": (["--seed", "abc"], {}, "--seed abc: must be a whole number"),
    "gate": (["--gate", "gold"], {}, "--gate gold: there is no such tier, expected staging or production"),
    "faults without attach": (["--allow-faults", "nosuch"], {}, "--allow-faults nosuch permits faults in the project that was attached to"),
    "everything excluded": (["--compose-file", "compose.yaml", "--without", "web,db"], {}, "--without web,db: nothing is left to judge"),
    "attach without engine": (["--attach", "mine"], {}, "--attach mine: no Docker engine answers"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(BAD_INPUT))
def test_bad_input_is_one_sentence_and_exit_code_4(name: str, folder: Path) -> None:
    args, files, expected = BAD_INPUT[name]
    for file, text in files.items():
        (folder / file).write_text(text)

    done = run("test_try.py", *args, cwd=folder, env=NO_ENGINE)

    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert expected in errors[0]
    assert "Traceback" not in said
    assert not (folder / "out").exists()


def test_static_checks_need_no_engine(folder: Path) -> None:
    done = run("test_try.py", "--compose-file", "compose.yaml", "-m", "static", "-q", cwd=folder, env=NO_ENGINE)

    assert done.returncode == 0, done.stdout
    assert "2 passed, 4 deselected" in done.stdout


def test_what_runs_can_not_be_told_without_an_engine(folder: Path) -> None:
    done = run("test_try.py", "--compose-file", "compose.yaml", "-k", "test_looks", cwd=folder, env=NO_ENGINE)

    assert "no Docker engine answers at unix:///nonexistent/docker.sock" in done.stdout
    assert "2 INCONCLUSIVE" in done.stdout.splitlines()[-1]


def test_what_is_not_there_was_not_attached_to(folder: Path) -> None:
    done = run("test_try.py", "--compose-file", "compose.yaml", "-k", "test_breaks or test_asks", cwd=folder, env=NO_ENGINE)

    assert "no Docker engine answers at unix:///nonexistent/docker.sock" in done.stdout
    assert "was attached to, where" not in done.stdout
    assert "2 INCONCLUSIVE" in done.stdout.splitlines()[-1]


def test_what_nobody_promised_is_not_applicable_before_it_lacks_an_engine(folder: Path) -> None:
    suites = [ROOT / "suites" / area for area in ("restore", "load")]

    done = run(*suites, "--compose-file", "compose.yaml", cwd=folder, env=NO_ENGINE)

    assert done.returncode == 0, done.stdout
    results = json.loads((folder / "out" / "latest" / "results.json").read_text())["results"]
    assert {one["outcome"] for one in results} == {"NOT_APPLICABLE"}
    assert all("would enable it" in one["reason"] for one in results)


def test_what_only_looks_comes_before_what_breaks(folder: Path) -> None:
    done = run("test_try.py", "--compose-file", "compose.yaml", "--collect-only", "-q", cwd=folder, env=NO_ENGINE)

    order = [line.partition("::")[2].partition("[")[0] for line in done.stdout.splitlines() if "::" in line]
    assert list(dict.fromkeys(order)) == ["test_reads", "test_looks", "test_asks", "test_breaks"]


def test_an_excluded_service_is_not_checked(folder: Path) -> None:
    done = run(
        "test_try.py", "--compose-file", "compose.yaml", "--without", "db", "-m", "static", cwd=folder, env=NO_ENGINE
    )

    assert "without db" in done.stdout
    assert "1 passed" in done.stdout.splitlines()[-1]


def test_a_run_that_brings_nothing_up_says_so(folder: Path) -> None:
    done = run("test_try.py", "--compose-file", "compose.yaml", "-m", "static", cwd=folder, env=NO_ENGINE)

    (head,) = [line for line in done.stdout.splitlines() if line.startswith("stack: ")]
    assert "nothing is brought up" in head


def test_a_foreign_stack_has_its_own_folders_commit(folder: Path) -> None:
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.test"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "theirs"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    theirs = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()

    run("test_try.py", "--compose-file", "compose.yaml", "-m", "static", "--without", "db", cwd=folder, env=NO_ENGINE)

    latest = folder / "out" / "latest"
    manifest = json.loads((latest / "results.json").read_text())["manifest"]
    assert manifest["commit"] == theirs
    assert manifest["dirty"] is False
    assert manifest["versions"]["seatrial commit"].rstrip("+") != theirs
    assert manifest["project"] in (latest / "readiness.md").read_text().splitlines()[0].replace("\\", "")
    assert manifest["arguments"][:3] == ["-c", str(ROOT / "pyproject.toml"), "--rootdir"]


def test_what_each_service_is_taken_for_is_shown_with_the_reason(folder: Path) -> None:
    (folder / "profile.toml").write_text("[services.web]\nrole = 'edge'\n")
    words = ("test_try.py", "--compose-file", "compose.yaml", "-m", "static")

    inferred = run(*words, cwd=folder, env=NO_ENGINE).stdout
    promised = run(*words, "--profile", "profile.toml", cwd=folder, env=NO_ENGINE).stdout

    assert "  web  application   nothing says otherwise" in inferred.splitlines()
    assert "  db   database      its image is postgres" in inferred.splitlines()
    assert "  web  " not in promised
    assert "  db  database      its image is postgres" in promised.splitlines()


def test_a_seed_repeats(folder: Path) -> None:
    done = run(
        "test_try.py", "--compose-file", "compose.yaml", "-m", "static", "--seed", "7", cwd=folder, env=NO_ENGINE
    )

    assert "seed: 7" in done.stdout


def entry(impact: Impact) -> Check:
    return Check(
        id="SEC-TRY-001",
        title="It holds",
        area=Area.SECURITY,
        severity=Severity.LOW,
        level=Level.OBSERVED,
        impact=impact,
        rationale="r",
        remediation="r",
        standards=(),
    )


@pytest.mark.parametrize(
    ("impact", "allowed", "runs"),
    [
        (Impact.PASSIVE, set(), True),
        (Impact.INTRUSIVE, set(), False),
        (Impact.INTRUSIVE, {"intrusive"}, True),
        (Impact.DESTRUCTIVE, {"intrusive"}, False),
        (Impact.DESTRUCTIVE, {"intrusive", "destructive"}, True),
    ],
)
def test_an_attached_stack_is_only_looked_at_unless_allowed(impact: Impact, allowed: set[str], runs: bool) -> None:
    assert (refusal(entry(impact), frozenset(allowed), "theirs") is None) is runs


def test_the_refusal_names_the_option_that_lifts_it() -> None:
    assert refusal(entry(Impact.DESTRUCTIVE), frozenset(), "theirs") == (
        "theirs was attached to, where destructive checks run only with --attach theirs --allow destructive theirs"
    )


def test_without_options_the_session_is_about_the_reference_stack() -> None:
    choice = choose(Asked())

    assert choice.how is How.OURS
    assert choice.stack.project == "seatrial"
    assert choice.stack.profile.stack.edge == "nginx"


def test_another_compose_file_is_another_project_without_promises(folder: Path) -> None:
    choice = choose(Asked(compose_files=(folder / "compose.yaml",)))

    assert choice.how is How.FOREIGN
    assert choice.stack.profile.is_empty


def test_naming_our_own_compose_file_is_the_same_as_naming_none() -> None:
    assert choose(Asked(compose_files=(ROOT / "stack" / "compose.yaml",))).how is How.OURS


def test_the_reference_stack_without_an_engine_is_one_sentence_and_exit_code_4(folder: Path) -> None:
    done = run("test_try.py", "-k", "test_looks", cwd=folder, env=NO_ENGINE)

    said = done.stdout + done.stderr
    assert done.returncode == 4, said
    assert "no Docker engine answers" in said
    assert "Traceback" not in said
