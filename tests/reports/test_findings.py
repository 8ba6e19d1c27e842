"""Each finding is shown whole, each place once, and the command that repeats a check can be copied as it stands."""

from __future__ import annotations

import json
import shlex
from html import unescape
from pathlib import Path

from reports import terminal
from reports.outcome import Finding, Outcome
from reports.render import html, markdown, sarif
from reports.repeat import repeat
from reports.scorecard import Scorecard, score
from tests.reports.sample import TODAY, entry, result, run_of

REASON = (
    "web: port 80 is open, expected loopback [/srv/c.yaml:4]\n"
    "db: port 5432 is open, expected loopback [/srv/c.yaml:9]\n"
    "cache: port 6379 is open, expected loopback [/srv/c.yaml:14]"
)
LONG = ["suites", "--compose-file", "/srv/their stack/compose.yaml", "--profile=/srv/p.toml", "--up", "--without", "a,b", "-q"]  # fmt: skip


def card(**more: object) -> Scorecard:
    places = (("/srv/c.yaml", 4), ("/srv/c.yaml", 4), ("/srv/c.yaml", 9), ("/srv/d.yaml", 2), ("/srv/d.yaml", 2))
    failed = result("TST-A-001", Outcome.FAIL, "one", reason=REASON, places=places)
    unsure = result(
        "TST-A-002",
        Outcome.INCONCLUSIVE,
        reason="web is not running",
        traceback="suites/test_it.py:119: in test_a\n    ask()\nsuites/check.py:50: in inconclusive\n    raise\nCannotTell: web",
    )
    passed = result("TST-A-001", Outcome.PASS, "two")
    manifest = {"arguments": LONG, "project": "seatrial", "absent": ["grafana"], **more}
    return score((), run_of([entry("TST-A-001"), entry("TST-A-002")], [failed, passed, unsure], manifest=manifest), (), TODAY)


def told(width: int = 80, **more: object) -> str:
    return terminal.summary(card(**more), Path("/out"), width=width, colours=False)


def test_a_reason_is_a_finding_a_line() -> None:
    found = card().checks[0].results[0].findings

    assert [one.observed for one in found] == ["web: port 80 is open", "db: port 5432 is open", "cache: port 6379 is open"]
    assert Finding("it is so") == result("X", Outcome.FAIL, reason="it is so").findings[0]


def test_every_finding_is_shown_whole_in_every_report() -> None:
    page = unescape(html.render(card()))

    for text in (told(120), page, markdown.render(card())):
        for part in ("port 80 is open", "port 5432 is open", "port 6379 is open"):
            assert part in text
    assert page.count("<i>expected</i>") == 3


def test_a_place_is_told_once_and_only_if_the_finding_does_not_name_it() -> None:
    assert card().checks[0].results[0].unsaid_places == (("/srv/d.yaml", 2),)
    assert told(120).count("/srv/c.yaml:4") == 1
    assert told(120).count("where") == 1
    (run,) = json.loads(sarif.render(card(source_root="/srv")))["runs"]
    assert [len(one["locations"]) for one in run["results"] if one["ruleId"] == "TST-A-001"] == [1, 1, 1]


def test_the_command_that_repeats_keeps_the_stack_and_is_quoted() -> None:
    words = shlex.split(repeat({"arguments": LONG}, "suites/test_it.py::test_a[x y]"))

    assert words == [
        ".venv/bin/pytest", "suites/test_it.py::test_a[x y]", "--compose-file", "/srv/their stack/compose.yaml",
        "--profile=/srv/p.toml", "--up", "--without", "a,b",
    ]  # fmt: skip
    assert shlex.split(repeat({"arguments": ["--attach", "p", "--allow", "destructive", "p", "x"]}, "n"))[2:] == [
        "--attach", "p", "--allow", "destructive", "p",
    ]  # fmt: skip
    assert repeat({}, "n") == ".venv/bin/pytest n"


def test_the_command_that_repeats_finds_the_files_of_whoever_started_elsewhere() -> None:
    arguments = ["/opt/seatrial/suites", "--compose-file", "c.yaml", "--profile=p.toml", "--waivers", "/srv/w.toml"]

    words = shlex.split(repeat({"arguments": arguments, "directory": "/home/me/shop"}, "n"))

    assert words[2:] == ["--compose-file", "/home/me/shop/c.yaml", "--profile=/home/me/shop/p.toml", "--waivers", "/srv/w.toml"]


def test_the_command_stands_on_one_line_everywhere() -> None:
    command = repeat({"arguments": LONG}, "suites/test_sample.py::test_it[one]")

    assert f"  repeat    {command}" in told(80).splitlines()
    assert command in unescape(html.render(card()))
    assert f"`{command}`" in markdown.render(card())


def test_raised_at_points_to_the_check() -> None:
    assert "suites/test_it.py:119" in told()
    assert "suites/check.py:50" not in told()


def test_checks_and_times_are_told_apart() -> None:
    assert "2 checks, asked 3 times in all" in " ".join(told(120).replace("│", " ").split())


def test_how_to_accept_a_service_that_does_not_run_is_told() -> None:
    said = " ".join(told().replace("│", " ").split())

    assert "grafana does not run, so what is about it has no answer: --without grafana (make readiness WITHOUT=grafana)" in said
    assert "WITHOUT=" not in told(project="theirs")
