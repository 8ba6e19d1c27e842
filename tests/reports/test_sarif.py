"""Why: a code host takes a SARIF file whole or not at all, and shows a finding where its place says; both fail without a word."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports.outcome import Outcome, Result
from reports.render import sarif
from reports.scorecard import score
from reports.waivers import Waiver
from suites.entry import Severity
from tests.reports.sample import TODAY, entry, large, realistic, result, run_of, waivers

SCHEMA = json.loads(Path(__file__).with_name("sarif.schema.json").read_text())
HOME = {"compose_files": ["/srv/shop/deploy/compose.yaml"], "source_root": "/srv/shop", "project": "shop"}


def run_of_sarif(*results: Result, waived: tuple[Waiver, ...] = (), **manifest: Any) -> dict[str, Any]:
    """The one SARIF run of these results, in a repository at /srv/shop."""
    checks = [entry(id_) for id_ in dict.fromkeys(one.id for one in results)]
    run = run_of(checks, results, manifest={**HOME, **manifest})
    log: dict[str, Any] = json.loads(sarif.render(score((), run, waived, TODAY)))
    valid(log)
    (found,) = log["runs"]
    return dict(found)


def valid(log: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(log)
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])


def failed(reason: str, id_: str = "SEC-CMP-006", subject: str = "app", **more: Any) -> Result:
    return result(id_, Outcome.FAIL, subject, reason=reason, **more)


def places(run: dict[str, Any]) -> list[tuple[str, int]]:
    physical = [one["locations"][0]["physicalLocation"] for one in run["results"]]
    return [(one["artifactLocation"]["uri"], one["region"]["startLine"]) for one in physical]


def marks(run: dict[str, Any]) -> list[str]:
    return [one["partialFingerprints"]["primaryLocationLineHash"] for one in run["results"]]


def test_the_schema_is_one_and_refuses_what_is_wrong() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    run = run_of_sarif(failed("app: x [/srv/shop/deploy/compose.yaml:3]"))
    run["results"][0]["locations"] = []

    with pytest.raises(jsonschema.ValidationError):
        valid({"version": "2.1.0", "runs": [run]})


def test_a_realistic_run_is_valid() -> None:
    valid(json.loads(sarif.render(score((), realistic(), waivers(), TODAY))))


def test_each_thing_found_is_a_result_of_its_own_at_its_own_line() -> None:
    run = run_of_sarif(
        failed(
            "app: /etc is mounted [/srv/shop/deploy/compose.yaml:7]\napp: /root is mounted [/srv/shop/deploy/compose.yaml:8]"
        )
    )

    assert places(run) == [("deploy/compose.yaml", 7), ("deploy/compose.yaml", 8)]
    assert [one["message"]["text"] for one in run["results"]] == [
        "FAIL [app]: app: /etc is mounted",
        "FAIL [app]: app: /root is mounted",
    ]
    assert run["results"][0]["properties"] == {"severity": "high", "confidence": "very-high"}


def test_what_stands_outside_the_repository_is_shown_at_the_compose_file_and_said_to_be_elsewhere() -> None:
    run = run_of_sarif(failed("mode 0666 [/etc/docker/daemon.json:1]", "SEC-HOST-010", ""))

    assert places(run) == [("deploy/compose.yaml", 1)]
    assert "/etc/docker/daemon.json, which is not in the repository" in run["results"][0]["message"]["text"]


def test_a_finding_without_a_place_is_shown_at_the_compose_file() -> None:
    assert places(run_of_sarif(failed("TLS 1.2 is accepted", "SEC-TLS-002", ""))) == [("deploy/compose.yaml", 1)]


def test_names_with_spaces_and_accents_are_written_as_uris() -> None:
    run = run_of_sarif(failed("x [/srv/shop/größe 2/compose.yaml:2]"))

    assert places(run) == [("gr%C3%B6%C3%9Fe%202/compose.yaml", 2)]


def test_a_fingerprint_stays_when_lines_move_and_numbers_change() -> None:
    before = run_of_sarif(failed("app: 3 files can be read [/srv/shop/deploy/compose.yaml:7]"))
    after = run_of_sarif(failed("app: 4 files can be read [/srv/shop/deploy/compose.yaml:19]"))

    assert marks(before) == marks(after)


def test_different_findings_and_equal_ones_have_different_fingerprints() -> None:
    twice = "app: x [/srv/shop/deploy/compose.yaml:7]\napp: x [/srv/shop/deploy/compose.yaml:9]"
    run = run_of_sarif(failed(twice), failed("app: x [/srv/shop/deploy/compose.yaml:7]", subject="db"))

    assert len(set(marks(run))) == 3


def notes(run: dict[str, Any]) -> list[dict[str, Any]]:
    return list(run["invocations"][0]["toolExecutionNotifications"])


def test_what_could_not_be_asked_is_no_alert_and_is_told() -> None:
    place = (("/srv/shop/deploy/compose.yaml", 3),)
    run = run_of_sarif(result("SEC-TLS-002", Outcome.INCONCLUSIVE, "app", reason="nobody answers", places=place))

    assert run["results"] == []
    (one,) = notes(run)
    assert (one["level"], one["message"]["text"]) == ("warning", "INCONCLUSIVE [app]: nobody answers")
    assert run["tool"]["driver"]["rules"][one["associatedRule"]["index"]]["id"] == "SEC-TLS-002"
    assert places({"results": [one]}) == [("deploy/compose.yaml", 3)]


def test_what_is_waived_and_could_not_be_asked_is_a_note() -> None:
    waiver = Waiver("SEC-TLS-002", "known", "ops", date(2027, 1, 31))

    run = run_of_sarif(result("SEC-TLS-002", Outcome.INCONCLUSIVE, reason="nobody answers"), waived=(waiver,))

    assert [one["level"] for one in notes(run)] == ["note"]


def test_a_fingerprint_is_the_same_in_another_checkout() -> None:
    here = run_of_sarif(failed("/srv/shop/secrets/db is readable by all [/srv/shop/deploy/compose.yaml:7]"))
    there = run_of_sarif(
        failed("/home/ci/shop/secrets/db is readable by all [/home/ci/shop/deploy/compose.yaml:7]"),
        compose_files=["/home/ci/shop/deploy/compose.yaml"], source_root="/home/ci/shop",
    )  # fmt: skip

    assert marks(here) == marks(there)


def test_a_version_that_is_no_semantic_one_is_not_called_so() -> None:
    driver = run_of_sarif(failed("x"), versions={"seatrial": "0.1.0.dev0"})["tool"]["driver"]

    assert driver["version"] == "0.1.0.dev0"
    assert "semanticVersion" not in driver


@pytest.mark.parametrize(("place", "kind"), [("", "external"), ("deploy/compose.yaml:7", "inSource")])
def test_a_waived_finding_is_suppressed_where_its_waiver_stands(place: str, kind: str) -> None:
    waiver = Waiver("SEC-CMP-006", "known", "ops", date(2027, 1, 31), place=place)
    (one,) = run_of_sarif(failed("app: x [/srv/shop/deploy/compose.yaml:7]"), waived=(waiver,))["results"]

    assert [(s["kind"], s["status"], s["justification"]) for s in one["suppressions"]] == [
        (kind, "accepted", "known (ops, until 2027-01-31)")
    ]


def test_of_two_findings_the_one_with_a_waiver_beside_it_is_suppressed_and_the_other_is_not() -> None:
    waiver = Waiver("SEC-CMP-006", "known", "ops", date(2027, 1, 31), place="deploy/compose.yaml:7")
    both = "app: x [/srv/shop/deploy/compose.yaml:7]\napp: y [/srv/shop/deploy/compose.yaml:8]"
    first, second = run_of_sarif(failed(both), waived=(waiver,))["results"]

    assert "suppressions" in first
    assert "suppressions" not in second


def test_security_severity_is_a_number_in_text() -> None:
    rules = run_of_sarif(failed("x"))["tool"]["driver"]["rules"]

    assert rules[0]["properties"]["security-severity"] == "8.0"


def test_twenty_thousand_findings_stay_within_what_a_code_host_keeps_and_the_worst_are_kept() -> None:
    log = json.loads(sarif.render(score((), large(20_000), (), TODAY)))

    valid(log)
    (run,) = log["runs"]
    assert len(run["results"]) <= sarif.MOST_RESULTS
    levels = [
        run["tool"]["driver"]["rules"][one["ruleIndex"]]["defaultConfiguration"]["level"] for one in run["results"]
    ]
    order = ["error", "warning", "note"]
    found = [order.index(level) for level in levels]
    assert found == sorted(found)
    assert len(notes(run)) <= sarif.MOST_RESULTS


def test_every_severity_has_a_level_and_a_number() -> None:
    for severity in Severity:
        run = run_of([entry("SEC-CMP-006", severity)], [failed("x")], manifest=HOME)

        valid(json.loads(sarif.render(score((), run, (), TODAY))))
