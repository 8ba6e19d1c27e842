"""The plugin, run by pytest on small checklists: outcomes by phase, exit codes, refusals, the manifest."""

from __future__ import annotations

import textwrap
from datetime import date, timedelta

import pytest

from tests.reports.checklists import HEAD, results_of, run, write

pytest_plugins = "pytester"


def test_each_ending_becomes_its_outcome_with_evidence_and_files(checklist: pytest.Pytester) -> None:
    write(
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

    done = run(checklist)

    assert done.ret == 1
    data = results_of(checklist.path)
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

    done = run(checklist)

    assert done.ret == 0
    assert not (checklist.path / "out").exists()


def test_listing_the_checks_leaves_nothing(checklist: pytest.Pytester) -> None:
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    run(checklist, "--collect-only")

    assert not (checklist.path / "out").exists()


def test_under_a_gate_what_did_not_run_blocks(checklist: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WITH_ABSENT", "1")
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = run(checklist, "--gate", "staging")

    assert done.ret == 1
    done.stdout.fnmatch_lines(["*NOT READY*", "*1 check is not answered (TST-ABSENT-001)*"])


def test_without_a_gate_part_of_the_catalogue_has_results_and_no_verdict(
    checklist: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WITH_ABSENT", "1")
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = run(checklist)

    assert done.ret == 0
    done.stdout.fnmatch_lines(["*NO VERDICT*", "*1 checks of the catalogue were not asked for*"])


@pytest.mark.parametrize(
    ("body", "code"), [("pass", 0), ("assert False", 1), ("inconclusive('x')", 1), ("pytest.skip('x')", 1)]
)
def test_with_nothing_else_in_the_catalogue_the_verdict_is_the_runs(
    checklist: pytest.Pytester, body: str, code: int
) -> None:
    write(checklist, f"@checked(1)\ndef test_1(): {body}\n")

    assert run(checklist, "--gate", "production").ret == code


def test_a_failing_test_that_is_no_check_closes_the_gate_too(checklist: pytest.Pytester) -> None:
    write(checklist, "@checked(1)\ndef test_1(): pass\ndef test_plain(): assert False\n")

    assert run(checklist, "--gate", "staging").ret == 1


@pytest.mark.parametrize(
    "words", [["--reports", "test_it.py"], ["--reports", "/proc/nowhere"], ["--waivers", "none.toml"]]
)
def test_bad_options_are_one_sentence_and_4_before_anything_starts(
    checklist: pytest.Pytester, words: list[str]
) -> None:
    write(checklist, "@checked(1)\ndef test_1(): open('started', 'w')\n")

    done = checklist.runpytest_subprocess("--reports", "out", *words)

    assert done.ret == 4
    assert len([line for line in done.errlines if line.startswith("ERROR: ")]) == 1
    assert not (checklist.path / "started").exists()


def test_a_failed_revert_is_in_the_results_and_in_the_verdicts_way(checklist: pytest.Pytester) -> None:
    write(
        checklist,
        """
        from chaos.effect import RevertFailed
        @checked(1, severity=Severity.LOW)
        def test_1(): raise RevertFailed("the rule is still there")
        """,
    )

    done = run(checklist, "--gate", "staging")

    assert results_of(checklist.path)["results"][0]["revert_failed"] is True
    done.stdout.fnmatch_lines(["*a fault was not reverted: *the rule is still there*"])


@pytest.mark.parametrize(
    ("body", "code"),
    [("def test_1(): pass\n@checked(1)\ndef test_2(): pass\n@checked(1)\ndef test_3(): pass", 4), ("1/0", 2)],
)
def test_a_refused_or_broken_collection_leaves_nothing(checklist: pytest.Pytester, body: str, code: int) -> None:
    write(checklist, body)

    done = run(checklist, "--gate", "staging")

    assert done.ret == code
    assert not (checklist.path / "out").exists()


def test_what_a_check_needs_and_was_left_out_excludes_it_by_name(checklist: pytest.Pytester) -> None:
    conftest = checklist.path / "conftest.py"
    stack = (
        "import types, suites.collection as c; c.declared_stack = lambda _: types.SimpleNamespace(excluded={'grafana'})"
    )
    conftest.write_text(f"{stack}\n{conftest.read_text()}")
    write(
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

    done = run(checklist, "--gate", "production")

    one, other = results_of(checklist.path)["results"]
    assert (one["outcome"], one["excluded"], other["outcome"]) == ("NOT_APPLICABLE", True, "PASS")
    assert one["reason"] == "grafana was excluded by name (--without grafana)"
    assert done.ret == 0
    assert not (checklist.path / "started").exists()


def test_a_stack_that_cannot_start_keeps_its_exit_code_whatever_the_gate_says(checklist: pytest.Pytester) -> None:
    write(
        checklist,
        """
        @pytest.fixture
        def running(): pytest.exit("port 443 is taken", returncode=4)
        @checked(1)
        def test_1(running): pass
        """,
    )

    done = run(checklist, "--gate", "staging")

    assert done.ret == 4
    assert results_of(checklist.path)["ended"].startswith("it could not start")


def test_checks_are_listed_and_explained_without_running(checklist: pytest.Pytester) -> None:
    write(checklist, "@checked(1)\ndef test_1(): open('started', 'w')\n")

    listed, explained, unknown = (
        run(checklist, *words) for words in (["--list-checks"], ["--explain", "TST-PLUG-001"], ["--explain", "X"])
    )

    listed.stdout.fnmatch_lines(["TST-PLUG-001 *high*declared*passive*Sentence 1", "1 checks"])
    explained.stdout.fnmatch_lines(
        ["TST-PLUG-001  Sentence 1", "because", "Remedy: mend it", "Run it: pytest test_it.py::test_1"]
    )
    assert unknown.ret == 4
    assert not (checklist.path / "started").exists()
    assert not (checklist.path / "out").exists()


@pytest.mark.parametrize(
    ("id_", "said"),
    [
        ("tst-plug-001", "No check is called tst-plug-001 (did you mean 'TST-PLUG-001'?)"),
        ("EXP-WAL-001", "EXP-WAL-001 is not among the checks collected: pytest chaos --explain EXP-WAL-001"),
    ],
)
def test_an_id_that_is_not_explained_is_told_where_it_is(checklist: pytest.Pytester, id_: str, said: str) -> None:
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = run(checklist, "--explain", id_)

    assert done.ret == 4
    assert said in done.stderr.str()


def test_experiments_are_listed_with_the_rest_where_no_folder_is_named(checklist: pytest.Pytester) -> None:
    write(checklist, "")
    (checklist.path / "suites").mkdir()
    (checklist.path / "chaos").mkdir()
    (checklist.path / "suites" / "test_a.py").write_text(textwrap.dedent(HEAD) + "@checked(1)\ndef test_a(): pass\n")
    (checklist.path / "chaos" / "test_b.py").write_text(textwrap.dedent(HEAD) + "@checked(2)\ndef test_b(): pass\n")

    options = ["-o", "testpaths=suites", "-o", "checklist_folders=suites chaos", "--import-mode=importlib"]
    done = run(checklist, *options, "--list-checks")

    done.stdout.fnmatch_lines(["TST-PLUG-001 *", "TST-PLUG-002 *", "2 checks"])


def test_nothing_chosen_is_said(checklist: pytest.Pytester) -> None:
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = run(checklist, "-k", "nothinglikethis")

    assert done.ret == 5
    done.stdout.fnmatch_lines(["Nothing was chosen, so nothing was judged: *"])


def test_the_manifest_binds_therun(checklist: pytest.Pytester) -> None:
    (checklist.path / "waivers.toml").write_text(
        '[[waiver]]\nid="TST-PLUG-001"\nreason="r"\nowner="o"\nexpires=2090-01-01\n'
    )
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    run(checklist)

    manifest = results_of(checklist.path)["manifest"]
    assert manifest["versions"]["pytest"] == pytest.__version__
    assert manifest["waivers"][0]["owner"] == "o"
    assert manifest["commit"] is None
    assert manifest["gate"] is None


@pytest.mark.parametrize(("waived", "code"), [("TST-PLUG-001", 0), ("TST-PLUG-002", 1)])
def test_without_a_gate_a_waived_failure_is_answered_and_any_other_fails(
    checklist: pytest.Pytester, waived: str, code: int
) -> None:
    write(checklist, "@checked(1)\ndef test_1(): assert False, 'a: b, expected c'\n@checked(2)\ndef test_2(): pass\n")
    soon = date.today() + timedelta(days=30)
    (checklist.path / "waivers.toml").write_text(f'[[waiver]]\nid="{waived}"\nreason="r"\nowner="o"\nexpires={soon}\n')

    assert run(checklist).ret == code


def test_what_could_not_be_assessed_fails_a_run_without_a_gate(checklist: pytest.Pytester) -> None:
    write(checklist, "@checked(1)\ndef test_1(): pytest.skip('not today')\n")

    assert run(checklist).ret == 1
