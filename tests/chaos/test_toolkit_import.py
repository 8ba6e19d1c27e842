"""Chaos Toolkit files carried out: the hypothesis before and after, the method in order, and the rollbacks whatever happened."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.effect import RevertFailed
from chaos.experiment import Experiment, Outcome, Verdict, run
from chaos.faults import decode
from chaos.faults.imported import Imported, logs_of
from chaos.runner import journal_of
from chaos.toolkit import importing
from chaos.toolkit.reading import read
from chaos.toolkit.tolerance import complaint_of
from chaos.toolkit.values import values_of
from stack.errors import UserError
from tests.chaos.fake_stack import FakeStack

ROOT = Path(__file__).parents[2]
DIGITS = "D7BF27D6"
"""Of `printf 'The light stays on' | sha256sum`."""


def process(name: str, script: str, kind: str = "action", **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "provider": {"type": "process", "path": "sh", "arguments": ["-c", script]},
        **more,
    }


def document(folder: Path, **more: Any) -> dict[str, Any]:
    """A light is on; the method puts it out, the rollback lights it again."""
    light = folder / "light"
    light.touch()
    return {
        "version": "1.0.0",
        "title": "The light stays on",
        "description": "A file of somebody's",
        "steady-state-hypothesis": {
            "title": "the light is on",
            "probes": [process("light", f"test -e {light}", "probe", tolerance=0)],
        },
        "method": [process("put it out", f"rm {light}; echo out")],
        "rollbacks": [process("light it", f"touch {light}; echo lit >> {folder / 'rollbacks'}")],
        **more,
    }


def write(folder: Path, content: Any, name: str = "experiment.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def stack(fake: FakeStack) -> Any:
    vars(fake)["profile"] = SimpleNamespace(tls=None)
    return fake


def chosen(folder: Path, content: Any, stack: Any) -> Experiment:
    importing.choose([write(folder, content)])
    (experiment,) = importing.imported(stack)
    return experiment


def verdict_of(folder: Path, content: Any, stack: Any) -> Verdict:
    return run(chosen(folder, content, stack), stack)


def rollbacks(folder: Path) -> int:
    return len((folder / "rollbacks").read_text().splitlines()) if (folder / "rollbacks").exists() else 0


def test_what_the_rollbacks_restore_holds(tmp_path: Path, stack: Any) -> None:
    verdict = verdict_of(tmp_path, document(tmp_path), stack)

    assert verdict.outcome is Outcome.HELD, verdict.reason
    assert rollbacks(tmp_path) == 1
    assert "put it out: exit code 0: out" in next(line.text for line in verdict.lines if line.step == "witness")


def test_what_they_do_not_restore_is_broken(tmp_path: Path, stack: Any) -> None:
    verdict = verdict_of(tmp_path, document(tmp_path, rollbacks=[]), stack)

    assert verdict.outcome is Outcome.BROKEN


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importing.experiment_of

    def hasty(*arguments: Any) -> Experiment:
        from dataclasses import replace

        return replace(real(*arguments), recover_within=timedelta(seconds=0.3), settles_within=timedelta(seconds=0.3))

    monkeypatch.setattr(importing, "experiment_of", hasty)
    monkeypatch.setattr(Imported, "revert_within", timedelta(seconds=1.5))


def test_not_steady_beforehand_carries_nothing_out(tmp_path: Path, stack: Any) -> None:
    content = document(tmp_path)
    (tmp_path / "light").unlink()

    verdict = verdict_of(tmp_path, content, stack)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason.endswith("light: status 1, expected 0")
    assert rollbacks(tmp_path) == 0


def test_rollbacks_run_after_an_action_that_failed(tmp_path: Path, stack: Any) -> None:
    content = document(tmp_path)
    slow = process("too slow", "sleep 30")
    slow["provider"]["timeout"] = 0.2
    content["method"] += [slow, process("never reached", f"touch {tmp_path / 'reached'}")]

    verdict = verdict_of(tmp_path, content, stack)

    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "action 'too slow' could not be carried out" in verdict.reason
    assert rollbacks(tmp_path) == 1
    assert (tmp_path / "light").exists()
    assert not (tmp_path / "reached").exists()


def test_a_rollback_that_cannot_be_carried_out_is_a_failed_revert_and_keeps_no_other_from_running(
    tmp_path: Path, stack: Any
) -> None:
    content = document(tmp_path)
    content["rollbacks"].insert(
        0, {"type": "action", "name": "call home", "provider": {"type": "http", "url": "http://127.0.0.1:9/"}}
    )

    verdict = verdict_of(tmp_path, content, stack)

    assert verdict.outcome is Outcome.REVERT_FAILED
    assert "rollback 'call home'" in verdict.reason
    assert rollbacks(tmp_path) == 1  # what was carried out is not repeated while the other is tried again


def test_an_effect_that_the_rollbacks_leave_is_found_by_the_stacks_fingerprint(tmp_path: Path, stack: Any) -> None:
    content = document(tmp_path)
    content["method"].append(
        process(
            "freeze",
            f"{sys.executable} - {stack.driver.file} <<'P'\nimport json,sys\np=sys.argv[1]; d=json.load(open(p)); d[0]['State']['Status']='paused'; json.dump(d,open(p,'w'))\nP",
        )
    )

    verdict = verdict_of(tmp_path, content, stack)

    assert verdict.outcome is Outcome.REVERT_FAILED
    assert "status was 'running', is 'paused'" in verdict.reason
    stack.put(lambda every: every[0]["State"].update(Status="running"))


PROGRAM = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from chaos.injection import injected
from chaos.toolkit import importing
from tests.chaos.fake_stack import FakeStack
stack = FakeStack(Path(sys.argv[1]))
stack.profile = SimpleNamespace(tls=None)
importing.choose([Path(sys.argv[2])])
(experiment,) = importing.imported(stack)
with injected(experiment.faults[0], stack):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_rollbacks_run_when_the_runner_was_killed(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    file = write(tmp_path, document(tmp_path))

    died = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "stack"), str(file)], check=False, cwd=ROOT
    ).returncode

    from stack.waiting import eventually

    assert died == -9
    eventually(
        lambda: rollbacks(tmp_path),
        within=timedelta(seconds=20),
        every=timedelta(milliseconds=50),
        what="the watchdog's rollback",
    )
    assert (tmp_path / "light").exists()


def test_the_fault_can_be_read_back_from_its_journal(tmp_path: Path, stack: Any) -> None:
    (fault,) = chosen(tmp_path, document(tmp_path), stack).faults

    assert decode(json.loads(json.dumps(fault.to_json()))) == fault


def test_the_method_is_carried_out_in_its_order_with_its_pauses_and_references(tmp_path: Path, stack: Any) -> None:
    content = document(tmp_path)
    content["method"] = [
        process("first", "echo 1", pauses={"after": 0.2}),
        process("look", "echo 2", "probe"),
        {"ref": "first"},
    ]

    experiment = chosen(tmp_path, content, stack)
    verdict = run(experiment, stack)

    done = [one for one in logs_of(experiment.faults[0]).done if one.phase == "method"]  # type: ignore[arg-type]
    assert verdict.outcome is Outcome.HELD, verdict.reason
    assert [(one.name, one.said) for one in done] == [
        ("first", "exit code 0: 1"),
        ("look", "exit code 0: 2"),
        ("first", "exit code 0: 1"),
    ]
    assert done[1].began - done[0].ended >= 0.2


def test_secrets_reach_programs_and_nothing_that_is_shown(
    tmp_path: Path, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_TOKEN", "s3same-0pen")
    content = document(
        tmp_path,
        configuration={
            "word": "hello",
            "often": {"type": "env", "key": "NOT_SET", "default": "2", "env_var_type": "int"},
        },
        secrets={"theirs": {"token": {"type": "env", "key": "THEIR_TOKEN"}, "inline": "1nline-s3cret"}},
    )
    content["method"] = [process("tell", "echo ${word} ${often} ${token} ${inline}")]

    experiment = chosen(tmp_path, content, stack)
    verdict = run(experiment, stack)

    chronicle = importing.told(experiment, verdict, {"steps": [], "experiment": {}})
    shown = json.dumps(
        [[line.text for line in verdict.lines], chronicle, str(experiment.faults[0]), experiment.rationale]
    )
    assert verdict.outcome is Outcome.HELD, verdict.reason
    assert "hello 2 (not shown) (not shown)" in shown
    assert "s3same-0pen" not in shown
    assert "1nline-s3cret" not in shown
    assert journal_of(stack).path.stat().st_mode & 0o077 == 0


def test_each_activity_is_a_step_of_the_chronicle(tmp_path: Path, stack: Any) -> None:
    from chaos.chronicling import chronicle

    content = document(tmp_path)
    experiment = chosen(tmp_path, content, stack)
    verdict = run(experiment, stack)

    said = importing.told(experiment, verdict, chronicle(verdict))

    assert said["experiment"] == content
    assert [(step["phase"], step["name"]) for step in said["steps"]] == [
        ("before", "light"), ("method", "put it out"), ("rollback", "light it"), ("after", "light"),
    ]  # fmt: skip


def test_the_id_is_made_of_the_title_and_of_nothing_else(tmp_path: Path) -> None:
    content = document(tmp_path)

    one = importing.id_of(read(write(tmp_path, content)))
    other = importing.id_of(read(write(tmp_path, {**content, "description": "another"}, "elsewhere.json")))
    third = importing.id_of(read(write(tmp_path, {**content, "title": "Another"}, "third.json")))

    assert one == other == f"EXP-CTK{DIGITS}-001"
    assert third != one


def test_two_files_of_one_title_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path, document(tmp_path), name) for name in ("a.json", "b.json")]

    with pytest.raises(UserError, match=r"a\.json and .*b\.json have the same title"):
        importing.choose(files)


def test_controls_are_passed_over_with_a_sentence(tmp_path: Path, stack: Any) -> None:
    content = document(tmp_path, controls=[{"name": "tracing", "provider": {"type": "python", "module": "x"}}])

    assert chosen(tmp_path, content, stack).rationale.endswith("Its controls are not carried out.")


def test_yaml_says_the_same(tmp_path: Path, stack: Any) -> None:
    import yaml

    content = document(tmp_path)

    assert (
        read(write(tmp_path, yaml.safe_dump(content), "experiment.yaml")).whole == read(write(tmp_path, content)).whole
    )


class _Answers(http.server.BaseHTTPRequestHandler):
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())

    def _answer(self, body: str) -> None:
        self.asked.append((self.command, self.path, body))
        self.send_response(302 if self.path.startswith("/away") else 200)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"up": true}')

    def log_message(self, *_arguments: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    asked: list[tuple[str, str, str]] = []
    handler = type("Handler", (_Answers,), {"asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}", asked
        listening.shutdown()
        thread.join()


def test_requests_are_made_as_the_file_says(
    tmp_path: Path, stack: Any, server: tuple[str, list[tuple[str, str, str]]]
) -> None:
    url, asked = server
    content = document(tmp_path)
    probe = {"type": "probe", "name": "up", "tolerance": {"type": "regex", "target": "body", "pattern": "'up': True"}}
    content["steady-state-hypothesis"]["probes"] = [probe | {"provider": {"type": "http", "url": f"{url}/health"}}]
    send = {
        "type": "http",
        "url": f"{url}/send",
        "method": "post",
        "headers": {"Content-Type": "application/json"},
        "arguments": {"a": 1},
    }
    look = {"type": "http", "url": f"{url}/look", "arguments": {"q": "x"}}
    content["method"] = [
        {"type": "action", "name": "send", "provider": send},
        {"type": "action", "name": "look", "provider": look},
    ]

    verdict = verdict_of(tmp_path, content, stack)

    assert verdict.outcome is Outcome.HELD, verdict.reason
    assert ("POST", "/send", '{"a": 1}') in asked
    assert ("GET", "/look?q=x", "") in asked


def test_no_redirect_is_followed(tmp_path: Path, stack: Any, server: tuple[str, list[tuple[str, str, str]]]) -> None:
    content = document(tmp_path)
    content["steady-state-hypothesis"]["probes"] = [
        {"type": "probe", "name": "away", "tolerance": 302, "provider": {"type": "http", "url": f"{server[0]}/away"}}
    ]

    assert verdict_of(tmp_path, content, stack).outcome is Outcome.HELD


def http_probe(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "probe", "name": "p", "tolerance": 200, "provider": {"type": "http", "url": url, **more}}


REFUSED: list[tuple[dict[str, Any] | str, str]] = [
    ("{", "it is not whole JSON"),
    ('"text"', "its whole is not an object"),
    ("[" * 100_000, "it is nested too deeply"),
    ("x" * (10 * 1024**2), "it is larger than 1 MiB"),
    ({"title": 7}, "it has no title"),
    ({"title": " "}, "it has no title"),
    ({"method": {}}, "its method is empty"),
    ({"method": "stop"}, "its method is not a list"),
    ({"method": ["stop"]}, "entry 1 of its method is not an object"),
    ({"method": [{"type": "action", "name": "a"}]}, "'a' has no provider"),
    (
        {"method": [{"type": "action", "name": "a", "provider": {"type": "carrier-pigeon"}}]},
        "'a' has the provider 'carrier-pigeon'",
    ),
    (
        {
            "method": [
                {
                    "type": "action",
                    "name": "kill",
                    "provider": {"type": "python", "module": "chaosk8s.pod", "func": "kill"},
                }
            ]
        },
        "'kill' calls the Python function chaosk8s.pod.kill; only http and process providers are imported",
    ),
    ({"method": [process("a", "true", background=True)]}, "'a' runs in the background"),
    ({"method": [process("a", "true", pauses={"after": "soon"})]}, "'a': its pauses are not numbers"),
    ({"method": [process("a", "true", pauses={"after": 1e9})]}, "'a': its pauses are not numbers"),
    ({"method": [{"ref": "nobody"}]}, "it refers to an activity 'nobody'"),
    (
        {"method": [{"type": "action", "name": "a", "provider": {"type": "process", "path": "no-such-program"}}]},
        "there is no program 'no-such-program'",
    ),
    ({"rollbacks": [process("a", "true", "probe")]}, "entry 1 of its rollbacks has the type 'probe', expected action"),
    ({"steady-state-hypothesis": None}, "it has no steady-state hypothesis"),
    ({"steady-state-hypothesis": {"title": "t", "probes": []}}, "its steady-state hypothesis has no probes"),
    (
        {"steady-state-hypothesis": {"title": "t", "probes": [process("p", "true", "probe")]}},
        "its probe 'p' has no tolerance",
    ),
    (
        {"configuration": {"x": {"type": "env", "key": "SURELY_NOT_SET"}}},
        "comes from the variable SURELY_NOT_SET, which is not set",
    ),
    ({"configuration": {"x": {"type": "probe", "provider": {}}}}, "its configuration.x comes from 'probe'"),
    ({"secrets": {"s": {"x": {"type": "vault", "path": "p"}}}}, "its secrets.s.x comes from 'vault'"),
    ({"secrets": {"s": "x"}}, "its secrets.s is not an object"),
    *(
        ({"steady-state-hypothesis": {"title": "t", "probes": [http_probe(url)]}}, says)
        for url, says in [
            (
                "http://203.0.113.7/",
                "is neither on this machine's loopback nor a service of the project, so nothing is sent there",
            ),
            ("http://example.test/", "so nothing is sent there"),
            ("http://localhost.example.test/", "so nothing is sent there"),
            ("http://localhost@203.0.113.7/", "so nothing is sent there"),
            ("http://[::ffff:203.0.113.7]/", "so nothing is sent there"),
            ("file:///etc/passwd", "is no http or https URL with a host"),
            ("http://127.0.0.1:99999/", "is no URL"),
            ("http://[", "is no URL"),
        ]
    ),
    (
        {"steady-state-hypothesis": {"title": "t", "probes": [http_probe("http://127.0.0.1/", timeout=0)]}},
        "its timeout is no number of seconds up to 120",
    ),
    (
        {"steady-state-hypothesis": {"title": "t", "probes": [http_probe("http://127.0.0.1/", method="BREW")]}},
        "its method 'BREW' is none of",
    ),
    *(
        (
            {
                "steady-state-hypothesis": {
                    "title": "t",
                    "probes": [http_probe("http://127.0.0.1/") | {"tolerance": tolerance}],
                }
            },
            says,
        )
        for tolerance, says in [
            (None, "its tolerance is neither a number"),
            ([], "its tolerance is an empty list"),
            ({"type": "jsonpath", "path": "$.x"}, "jsonpath and probes are not"),
            ({"type": "regex", "pattern": "x"}, "its tolerance needs a target, one of status, headers, body"),
            ({"type": "regex", "target": "body", "pattern": "("}, "its tolerance's pattern is no regular expression"),
            (
                {"type": "range", "target": "status", "range": [3, 1]},
                "its tolerance's range is not a lower and an upper number",
            ),
        ]
    ),
]


@pytest.mark.parametrize(("change", "says"), REFUSED, ids=[says[:40] for _, says in REFUSED])
def test_what_cannot_be_imported_is_refused_in_one_sentence(
    change: dict[str, Any] | str, says: str, tmp_path: Path, stack: Any
) -> None:
    content = change if isinstance(change, str) else document(tmp_path) | change

    with pytest.raises(UserError) as refused:
        chosen(tmp_path, content, stack)

    assert says in str(refused.value)
    assert str(refused.value).startswith(f"--chaos-toolkit {tmp_path / 'experiment.json'}: ")
    assert "\n" not in str(refused.value)


def test_yaml_that_multiplies_itself_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [1, 2]\nb: &b [*a, *a]\nc: [*b, *b]\n"

    with pytest.raises(UserError, match="it has YAML aliases"):
        read(write(tmp_path, bomb, "experiment.yml"))


@pytest.mark.parametrize(
    ("tolerance", "answer", "is_met"),
    [
        (200, {"status": 200, "body": ""}, True),
        (200, {"status": 503, "body": ""}, False),
        (True, {"status": 204, "body": ""}, True),
        (True, {"status": 404, "body": ""}, False),
        (False, {"status": 1, "stdout": ""}, True),
        ("OK", {"status": 0, "stdout": "OK\n"}, True),
        ("OK", {"status": 0, "stdout": "KO\n"}, False),
        ([200, 204], {"status": 204, "body": ""}, True),
        ([200, 204], {"status": 202, "body": ""}, False),
        ({"type": "regex", "target": "stdout", "pattern": "^up"}, {"status": 0, "stdout": "up since"}, True),
        ({"type": "regex", "target": "stdout", "pattern": "^up"}, {"status": 0, "stdout": "not up"}, False),
        ({"type": "range", "target": "stdout", "range": [1, 2.5]}, {"status": 0, "stdout": " 2.5\n"}, True),
        ({"type": "range", "target": "stdout", "range": [1, 2.5]}, {"status": 0, "stdout": "2.51"}, False),
        ({"type": "range", "target": "stdout", "range": [1, 2.5]}, {"status": 0, "stdout": "two"}, False),
    ],
)
def test_an_answer_is_held_against_its_tolerance(tolerance: Any, answer: dict[str, Any], is_met: bool) -> None:
    assert (complaint_of(tolerance, answer) is None) is is_met


def test_a_failed_rollback_says_what_failed(tmp_path: Path, stack: Any) -> None:
    content = document(tmp_path)
    content["rollbacks"] = [
        {"type": "action", "name": "home", "provider": {"type": "http", "url": "http://127.0.0.1:9/"}}
    ]
    (fault,) = chosen(tmp_path, content, stack).faults

    with pytest.raises(RevertFailed, match="rollback 'home': home: GET http://127.0.0.1:9/: ConnectionError"):
        fault.revert(stack)


def test_a_value_that_stands_alone_keeps_its_type() -> None:
    values = values_of("f", {"n": 3, "t": "x"}, {"g": {"n": 4}}, {})

    assert values.filled({"a": "${n}", "b": ["v${n}${t}"], "c": "${unknown}", "d": 1}) == {
        "a": 3,
        "b": ["v3x"],
        "c": "${unknown}",
        "d": 1,
    }


def test_the_command_line_refuses_with_exit_code_4(tmp_path: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "chaos",
        "--collect-only",
        "-q",
        "--chaos-toolkit",
        str(write(tmp_path, "{")),
    ]

    done = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONWARNINGS": ""}
    )

    assert done.returncode == 4
    assert "it is not whole JSON" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
