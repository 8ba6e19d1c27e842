"""A run that is interrupted or killed leaves what it had, and what it had can be read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tests.reports.checklists import ROOT, results_of, run, started, write

pytest_plugins = "pytester"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_renders_what_it_had(checklist: pytest.Pytester, number: signal.Signals) -> None:
    write(
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
    running = started(checklist)
    os.kill(running.pid, number)

    output, _ = running.communicate(timeout=30)

    assert running.returncode == 2
    data = results_of(checklist.path)
    assert [one["id"] for one in data["results"] if one["outcome"] == "PASS"] == ["TST-PLUG-001"]
    assert len(data["planned"]) == 3
    assert data["ended"] == "interrupted"
    assert (checklist.path / "out" / "latest" / "readiness.html").stat().st_size > 10_000
    assert "NOT READY" in output


def test_a_killed_run_leaves_lines_that_can_be_rendered(checklist: pytest.Pytester) -> None:
    write(
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
    running = started(checklist)
    running.kill()
    running.communicate()
    (folder,) = (checklist.path / "out").iterdir()

    done = subprocess.run(
        [sys.executable, "-m", "reports", "render", folder], capture_output=True, text=True, cwd=ROOT, check=True
    )

    data = json.loads((folder / "results.json").read_text())
    assert [(one["id"], one["outcome"]) for one in data["results"]] == [("TST-PLUG-001", "FAIL")]
    assert data["ended"].startswith("killed")
    assert "FAIL TST-PLUG-001" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_while_rendering_waits_until_everything_is_there(
    checklist: pytest.Pytester, number: signal.Signals
) -> None:
    conftest = checklist.path / "conftest.py"
    conftest.write_text(
        conftest.read_text()
        + textwrap.dedent(
            f"""
            import reports.publish as publishing
            before = publishing.RENDERINGS["readiness.html"]
            def interrupted(card):
                os.kill(os.getpid(), {int(number)})
                return before(card)
            publishing.RENDERINGS["readiness.html"] = interrupted
            """
        )
    )
    write(checklist, "@checked(1)\ndef test_1(): pass\n")

    done = run(checklist, "--gate", "staging")

    assert done.ret == 2
    assert {"readiness.html", "badge.svg"} <= {path.name for path in (checklist.path / "out" / "latest").iterdir()}
    done.stdout.fnmatch_lines(["*PRODUCTION-READY*"])


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system, which takes root")
def test_a_disk_that_fills_up_meanwhile_ends_the_run_in_one_sentence(checklist: pytest.Pytester) -> None:
    fill = "exec('while True: f.write(bytes(1 << 16))', {'f': open('out/rest', 'wb', 0)})"
    write(checklist, f"@checked(1)\ndef test_1():\n    try: {fill}\n    except OSError: pass\n@checked(2)\ndef test_2(): pass\n")
    out = checklist.mkdir("out")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=66m", "none", str(out)], check=True)

    try:
        done = run(checklist)
        kept = next(out.glob("*/results.jsonl")).read_text()
    finally:
        subprocess.run(["umount", str(out)], check=True)

    text = done.stdout.str() + done.stderr.str()
    assert "(No space left on device). What was written stays." in text
    assert "INTERNALERROR" not in text
    assert "Traceback" not in text
    assert done.ret == 4
    assert '"kind":"run"' in kept
