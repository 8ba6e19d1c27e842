"""The plugin, run by pytest on small checklists: outcomes by phase, exit codes, what an interrupted run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytest_plugins = "pytester"

_ROOT = Path(__file__).resolve().parents[2]
_HEAD = """
    import os, signal, time
    import pytest
    from suites.check import *

    def checked(number, severity=Severity.HIGH, **more):
        return check(f"TST-PLUG-{number:03}", title=f"Sentence {number}", area=Area.SECURITY, severity=severity,
                     level=Level.DECLARED, impact=Impact.PASSIVE, rationale="because", remediation="mend it", **more)
"""

_ABSENT = """Check("TST-ABSENT-001", "Asked", Area.LOAD, Severity.LOW, Level.OBSERVED, Impact.PASSIVE, "r", "m")"""
_CONFTEST = f"""
    import os
    import reports.plugin
    from suites.check import *
    shipped = ({_ABSENT},) if os.environ.get("WITH_ABSENT") else ()
    reports.plugin.shipped = lambda: shipped
    pytest_plugins = ("suites.collection", "reports.plugin")
"""


@pytest.fixture
def checklist(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with our plugins and no stack; ``test_it.py`` is still to be written."""
    monkeypatch.setenv("PYTHONPATH", str(_ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # only what these tests are about: each run is a process
    monkeypatch.setenv(
        "PYTEST_PLUGINS", "pytest_timeout,pytest_html.plugin,pytest_html.fixtures,pytest_metadata.plugin"
    )
    monkeypatch.setenv("COLUMNS", "160")
    pytester.makeconftest(_CONFTEST)
    pytester.makeini("[pytest]\ntimeout_method = signal\naddopts =\n")
    return pytester


def _write(checklist: pytest.Pytester, body: str) -> None:
    checklist.makepyfile(test_it=textwrap.dedent(_HEAD) + textwrap.dedent(body))


def _run(checklist: pytest.Pytester, *words: str) -> pytest.RunResult:
    return checklist.runpytest_subprocess("--reports", "out", *words)


def _results(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "out" / "latest" / "results.json").read_text())
    return data


def test_each_ending_becomes_its_outcome_with_evidence_and_files(checklist: pytest.Pytester) -> None:
    _write(
        checklist,
        """
        @pytest.fixture
        def broken(): raise AssertionError("no stack")
        @pytest.fixture
        def left_over():
            yield
            raise OSError("left over")

        @checked(1)
        def test_1(evidence):
            evidence.declared("user: 10101"); evidence.measure("RTO", 1.5, "s", objective=3)
        @checked(2)
        def test_2(): assert 1 == 2, "nginx: uid 0, expected another"
        @checked(3)
        def test_3(): not_applicable("there are no wallets")
        @checked(4)
        def test_4(): inconclusive("nobody answers")
        @checked(5)
        def test_5(): pytest.skip("not today")
        @checked(6)
        def test_6(): raise ZeroDivisionError("oops")
        @checked(7)
        def test_7(broken): pass
        @checked(8)
        def test_8(left_over): pass
        @checked(9)
        @pytest.mark.timeout(0.3)
        def test_9(): time.sleep(5)
        @checked(10)
        @pytest.mark.xfail(reason="known")
        def test_10(): assert False
        @checked(11)
        @over("port", [], reason="no ports are published")
        def test_11(port): assert False
        @checked(12)
        @over("port", [1, 2], reason="no ports")
        def test_12(port): assert port != 2
        """,
    )

    done = _run(checklist)

    assert done.ret == 1
    data = _results(checklist.path)
    outcomes = {f"{int(one['id'][-3:])}{one['subject']}": one["outcome"] for one in data["results"]}
    assert outcomes == {
        "1": "PASS",
        "2": "FAIL",
        "3": "NOT_APPLICABLE",
        "4": "INCONCLUSIVE",
        "5": "INCONCLUSIVE",
        "6": "INCONCLUSIVE",
        "7": "INCONCLUSIVE",
        "8": "INCONCLUSIVE",
        "9": "INCONCLUSIVE",
        "10": "INCONCLUSIVE",
        "11nothing": "NOT_APPLICABLE",
        "121": "PASS",
        "122": "FAIL",
    }
    reasons = {int(one["id"][-3:]): one.get("reason", "") for one in data["results"]}
    assert reasons[7] == "set-up failed: AssertionError: no stack"
    assert reasons[8] == "tear-down failed: OSError: left over"
    assert reasons[9].startswith("ran out of its own time")
    assert reasons[11] == "no ports are published"
    assert data["results"][0]["measures"][0]["objective"] == 3
    assert data["ended"] == ""
    done.stdout.fnmatch_lines(
        ["*FAIL TST-PLUG-002 Sentence 2*", "*observed*nginx: uid 0*", "*expected*another*", "*remedy*mend it*"]
    )
    done.stdout.no_fnmatch_line("*Traceback*")
    files = {path.name for path in (checklist.path / "out" / "latest").iterdir()}
    assert files >= {
        "readiness.html",
        "readiness.md",
        "readiness.sarif",
        "junit.xml",
        "raw.html",
        "scorecard.json",
        "badge.svg",
    }


def test_a_session_without_checks_leaves_nothing(checklist: pytest.Pytester) -> None:
    checklist.makepyfile(test_it="def test_it(): pass")

    done = _run(checklist)

    assert done.ret == 0
    assert not (checklist.path / "out").exists()


def test_listing_the_checks_leaves_nothing(checklist: pytest.Pytester) -> None:
    _write(checklist, "@checked(1)\ndef test_1(): pass\n")

    _run(checklist, "--collect-only")

    assert not (checklist.path / "out").exists()


def test_under_a_gate_what_did_not_run_blocks(checklist: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITH_ABSENT", "1")
    _write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = _run(checklist, "--gate", "staging")

    assert done.ret == 1
    done.stdout.fnmatch_lines(["*NOT READY*", "*1 check is not answered (TST-ABSENT-001)*"])


def test_without_a_gate_part_of_the_catalogue_has_results_and_no_verdict(
    checklist: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITH_ABSENT", "1")
    _write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = _run(checklist)

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*NO VERDICT*", "*1 checks of the catalogue were not asked for*"])


@pytest.mark.parametrize(
    ("body", "code"), [("pass", 0), ("assert False", 1), ("inconclusive('x')", 1), ("pytest.skip('x')", 1)]
)
def test_with_nothing_else_in_the_catalogue_the_verdict_is_the_runs(
    checklist: pytest.Pytester, body: str, code: int
) -> None:
    _write(checklist, f"@checked(1)\ndef test_1(): {body}\n")

    assert _run(checklist, "--gate", "production").ret == code


def test_a_failing_test_that_is_no_check_closes_the_gate_too(checklist: pytest.Pytester) -> None:
    _write(checklist, "@checked(1)\ndef test_1(): pass\ndef test_plain(): assert False\n")

    assert _run(checklist, "--gate", "staging").ret == 1


@pytest.mark.parametrize(
    "words", [["--reports", "test_it.py"], ["--reports", "/proc/nowhere"], ["--waivers", "none.toml"]]
)
def test_bad_options_are_one_sentence_and_4_before_anything_starts(
    checklist: pytest.Pytester, words: list[str]
) -> None:
    _write(checklist, "@checked(1)\ndef test_1(): open('started', 'w')\n")

    done = checklist.runpytest_subprocess("--reports", "out", *words)

    assert done.ret == 4
    assert len([line for line in done.errlines if line.startswith("ERROR: ")]) == 1
    assert not (checklist.path / "started").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_renders_what_it_had(checklist: pytest.Pytester, number: signal.Signals) -> None:
    _write(
        checklist,
        """
        @checked(1)
        def test_1(): pass
        @checked(2)
        def test_2():
            open("here", "w").close()
            time.sleep(30)
        @checked(3)
        def test_3(): pass
        """,
    )
    running = _started(checklist)
    os.kill(running.pid, number)

    output, _ = running.communicate(timeout=30)

    assert running.returncode == 2
    data = _results(checklist.path)
    assert [one["id"] for one in data["results"] if one["outcome"] == "PASS"] == ["TST-PLUG-001"]
    assert len(data["planned"]) == 3
    assert data["ended"] == "interrupted"
    assert (checklist.path / "out" / "latest" / "readiness.html").stat().st_size > 10_000
    assert "NOT READY" in output


def test_a_killed_run_leaves_lines_that_can_be_rendered(checklist: pytest.Pytester) -> None:
    _write(
        checklist,
        """
        @checked(1)
        def test_1(): assert False, "seen"
        @checked(2)
        def test_2():
            open("here", "w").close()
            time.sleep(30)
        """,
    )
    running = _started(checklist)
    running.kill()
    running.communicate()
    (folder,) = (checklist.path / "out").iterdir()

    done = subprocess.run(
        [sys.executable, "-m", "reports", "render", folder], capture_output=True, text=True, cwd=_ROOT, check=True
    )

    data = json.loads((folder / "results.json").read_text())
    assert [(one["id"], one["outcome"]) for one in data["results"]] == [("TST-PLUG-001", "FAIL")]
    assert data["ended"].startswith("killed")
    assert "FAIL TST-PLUG-001" in done.stdout


def _started(checklist: pytest.Pytester) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "--reports", "out", "-p", "no:cacheprovider"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=checklist.path)
    import select

    for _ in range(600):
        if (checklist.path / "here").exists() or running.poll() is not None:
            break
        select.select([], [], [], 0.05)
    assert running.poll() is None
    return running


def test_a_failed_revert_is_in_the_results_and_in_the_verdicts_way(checklist: pytest.Pytester) -> None:
    _write(
        checklist,
        """
        from chaos.effect import RevertFailed
        @checked(1, severity=Severity.LOW)
        def test_1(): raise RevertFailed("the rule is still there")
        """,
    )

    done = _run(checklist, "--gate", "staging")

    assert _results(checklist.path)["results"][0]["revert_failed"] is True
    done.stdout.fnmatch_lines(["*a fault was not reverted: *the rule is still there*"])


@pytest.mark.parametrize(
    ("body", "code"),
    [("def test_1(): pass\n@checked(1)\ndef test_2(): pass\n@checked(1)\ndef test_3(): pass", 4), ("1/0", 2)],
)
def test_a_refused_or_broken_collection_leaves_nothing(checklist: pytest.Pytester, body: str, code: int) -> None:
    _write(checklist, body)

    done = _run(checklist, "--gate", "staging")

    assert done.ret == code
    assert not (checklist.path / "out").exists()


def test_what_a_check_needs_and_was_left_out_excludes_it_by_name(checklist: pytest.Pytester) -> None:
    conftest = checklist.path / "conftest.py"
    stack = (
        "import types, suites.collection as c; c.declared_stack = lambda _: types.SimpleNamespace(excluded={'grafana'})"
    )
    conftest.write_text(f"{stack}\n{conftest.read_text()}")
    _write(
        checklist,
        """
        @checked(1)
        @needs("grafana")
        def test_1(): open("started", "w")
        @checked(2)
        @needs("loki")
        def test_2(): pass
        """,
    )

    done = _run(checklist, "--gate", "production")

    one, other = _results(checklist.path)["results"]
    assert (one["outcome"], one["excluded"], other["outcome"]) == ("NOT_APPLICABLE", True, "PASS")
    assert one["reason"] == "grafana was excluded by name (--without grafana)"
    assert done.ret == 0
    assert not (checklist.path / "started").exists()


def test_a_stack_that_cannot_start_keeps_its_exit_code_whatever_the_gate_says(checklist: pytest.Pytester) -> None:
    _write(
        checklist,
        """
        @pytest.fixture
        def running(): pytest.exit("port 443 is taken", returncode=4)
        @checked(1)
        def test_1(running): pass
        """,
    )

    done = _run(checklist, "--gate", "staging")

    assert done.ret == 4
    assert _results(checklist.path)["ended"].startswith("it could not start")


def test_checks_are_listed_and_explained_without_running(checklist: pytest.Pytester) -> None:
    _write(checklist, "@checked(1)\ndef test_1(): open('started', 'w')\n")

    listed, explained, unknown = (
        _run(checklist, *words) for words in (["--list-checks"], ["--explain", "TST-PLUG-001"], ["--explain", "X"])
    )

    listed.stdout.fnmatch_lines(["TST-PLUG-001 *high*declared*passive*Sentence 1", "1 checks"])
    explained.stdout.fnmatch_lines(
        ["TST-PLUG-001  Sentence 1", "because", "Remedy: mend it", "Run it: pytest test_it.py::test_1"]
    )
    assert unknown.ret == 4
    assert not (checklist.path / "started").exists()
    assert not (checklist.path / "out").exists()


def test_an_interrupt_while_rendering_waits_until_everything_is_there(checklist: pytest.Pytester) -> None:
    conftest = checklist.path / "conftest.py"
    conftest.write_text(
        conftest.read_text()
        + textwrap.dedent(
            """
            import signal
            import reports.publish as publishing
            before = publishing.RENDERINGS["readiness.html"]
            def interrupted(card):
                os.kill(os.getpid(), signal.SIGINT)
                return before(card)
            publishing.RENDERINGS["readiness.html"] = interrupted
            """
        )
    )
    _write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = _run(checklist, "--gate", "staging")

    assert done.ret == 2
    assert {"readiness.html", "badge.svg"} <= {path.name for path in (checklist.path / "out" / "latest").iterdir()}
    done.stdout.fnmatch_lines(["*PRODUCTION-READY*"])


def test_the_manifest_binds_the_run(checklist: pytest.Pytester) -> None:
    (checklist.path / "waivers.toml").write_text(
        '[[waiver]]\nid="TST-PLUG-001"\nreason="r"\nowner="o"\nexpires=2090-01-01\n'
    )
    _write(checklist, "@checked(1)\ndef test_1(): pass\n")

    _run(checklist)

    manifest = _results(checklist.path)["manifest"]
    assert manifest["versions"]["pytest"] == pytest.__version__
    assert manifest["waivers"][0]["owner"] == "o"
    assert manifest["commit"] is None
    assert manifest["gate"] is None
