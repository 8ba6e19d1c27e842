"""Journals of experiments hold to Chaos Toolkit's reference, and its own library takes the experiments in them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chaos.__main__ import main
from chaos.experiments import every
from chaos.toolkit import activities
from chaos.toolkit.exporting import document_of
from reports.document import to_json
from reports.outcome import Outcome, Result
from reports.publish import publish
from reports.render.journal import journal_of
from stack.errors import UserError
from suites.chronicle import Answer, Chronicle, Span, Step, Track, Traffic
from suites.entry import Area
from tests.reports.sample import entry, realistic, run_of

TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)$"}
RAN = {
    "type": "object",
    "required": ["activity", "status", "start", "end", "duration", "output"],
    "properties": {
        "activity": {
            "type": "object",
            "required": ["type", "name", "provider"],
            "properties": {
                "type": {"enum": ["probe", "action"]},
                "provider": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {"type": {"enum": ["python", "http", "process"]}},
                },
            },
        },
        "status": {"enum": ["succeeded", "failed"]},
        "start": TIME,
        "end": TIME,
        "duration": {"type": "number"},
        "output": {"type": ["string", "null"]},
        "exception": {"type": ["array", "string"]},
    },
}
STATE = {
    "type": ["object", "null"],
    "required": ["steady_state_met", "probes"],
    "properties": {
        "steady_state_met": {"type": "boolean"},
        "probes": {
            "type": "array",
            "items": {
                "allOf": [RAN, {"required": ["tolerance_met"], "properties": {"tolerance_met": {"type": "boolean"}}}]
            },
        },
    },
}
# The journal's reference (sources/reference/api/journal.md of chaostoolkit-documentation), word by word; `interrupted`, `deviated`
# and `during` are the library's own (chaoslib/run.py).
JOURNAL = {
    "type": "object",
    "required": [
        "chaoslib-version", "platform", "node", "experiment", "status", "deviated", "start", "end", "duration", "steady_states",
        "run", "rollbacks",
    ],
    "properties": {
        "experiment": {
            "type": "object",
            "required": ["version", "title", "description", "steady-state-hypothesis", "method"],
        },
        "status": {"enum": ["completed", "failed", "aborted", "interrupted"]},
        "deviated": {"type": "boolean"},
        "start": TIME,
        "end": TIME,
        "duration": {"type": "number"},
        "platform": {"type": "string"},
        "node": {"type": "string"},
        "steady_states": {
            "type": "object",
            "required": ["before", "after", "during"],
            "properties": {"before": STATE, "after": STATE, "during": {"type": "array", "items": STATE}},
        },
        "run": {"type": "array", "items": RAN},
        "rollbacks": {"type": "array", "items": RAN},
    },
}  # fmt: skip

EXPERIMENTS = {experiment.id: experiment for experiment in every()}
SRV = EXPERIMENTS["EXP-SRV-001"]
STEADY, HEALTHY = (probe.name for probe in SRV.steady_state)
FAULT = str(SRV.faults[0])
CHRONICLE = Chronicle(
    began="2026-11-24T13:25:00.500000+00:00",
    seconds=12.25,
    experiment=document_of(SRV),
    steps=(
        Step("before", STEADY, 0.0, 0.1, ok=True),
        Step("before", HEALTHY, 0.1, 0.1, ok=True),
        Step("method", f"inject {FAULT}", 0.5, 0.2, ok=True),
        Step("method", f"see {FAULT} bite", 0.7, 0.1, ok=True, said="server-blue is frozen"),
        Step("method", SRV.during[0].name, 0.8, 0.3, ok=False, said="GET /edge-health: ReadTimeout"),
        Step("rollback", f"revert {FAULT}", 4.0, 0.4, ok=True),
        Step("after", STEADY, 5.0, 0.1, ok=True),
    ),
    faults=(Span(FAULT, 0.5, 4.4),),
    tracks=(
        Track("the edge serves", (Answer(0, 0.1), Answer(0.2, 0.3), Answer(1.0, 1.0, "502"), Answer(5, 0.1)), 7.0),
    ),
    traffic=(Traffic(0, 10, 1, 0.2),),
)


def result(outcome: Outcome = Outcome.FAIL, **more: Any) -> Result:
    given: dict[str, Any] = {"reason": "during …", "chronicle": CHRONICLE, **more}
    return Result("EXP-SRV-001", "EXP-SRV-001", "chaos/test_experiments.py::t[EXP-SRV-001]", outcome, **given)


def journal(outcome: Outcome = Outcome.FAIL, **more: Any) -> dict[str, Any]:
    return journal_of(
        result(outcome, **more), {"versions": {"seatrial": "0.1.0"}, "host": {"system": "Linux", "node": "box"}}
    )


def test_a_journal_holds_to_the_reference() -> None:
    said = json.loads(json.dumps(journal()))

    jsonschema.validate(said, JOURNAL)
    assert said["duration"] == 12.25
    began, ended = datetime.fromisoformat(said["start"]), datetime.fromisoformat(said["end"])
    assert ended - began == timedelta(seconds=12.25)


@pytest.mark.parametrize(
    ("outcome", "more", "status", "deviated"),
    [
        (Outcome.PASS, {}, "completed", False),
        (Outcome.FAIL, {}, "completed", True),
        (Outcome.INCONCLUSIVE, {}, "failed", False),
        (Outcome.INCONCLUSIVE, {"revert_failed": True}, "failed", False),
        (Outcome.FAIL, {"revert_failed": True}, "failed", True),
    ],
)
def test_its_status_says_whether_it_was_carried_out_and_whether_the_hypothesis_held(
    outcome: Outcome, more: dict[str, Any], status: str, deviated: bool
) -> None:
    said = journal(outcome, **more)

    assert (said["status"], said["deviated"]) == (status, deviated)
    assert said["x-seatrial"]["outcome"] == outcome.name


def test_what_was_done_is_told_with_its_activity_its_times_and_its_answer() -> None:
    said = journal()

    assert [one["activity"]["name"] for one in said["run"]] == [
        f"inject {FAULT}",
        f"see {FAULT} bite",
        SRV.during[0].name,
    ]
    assert [one["status"] for one in said["run"]] == ["succeeded", "succeeded", "failed"]
    inject = said["run"][0]
    assert inject["activity"] == document_of(SRV)["method"][0]
    assert (inject["start"], inject["end"], inject["duration"]) == (
        "2026-11-24T13:25:01.000+00:00",
        "2026-11-24T13:25:01.200+00:00",
        0.2,
    )
    assert said["run"][2]["exception"] == ["GET /edge-health: ReadTimeout"]
    assert [one["activity"]["type"] for one in said["rollbacks"]] == ["action"]
    assert said["steady_states"]["before"]["steady_state_met"] is True
    assert [one["output"] for one in said["steady_states"]["before"]["probes"]] == ["holds", "holds"]


def test_answers_alike_in_a_row_are_one_entry_that_says_how_many() -> None:
    during = journal()["steady_states"]["during"]

    assert [(one["steady_state_met"], one["x-seatrial"]["answers"]) for one in during] == [
        (True, 2),
        (False, 1),
        (True, 1),
    ]
    assert during[0]["x-seatrial"]["slowest_seconds"] == 0.3
    assert during[1]["probes"][0]["output"] == "502"


def test_what_was_not_asked_is_null_and_not_met_by_silence() -> None:
    silent = replace(CHRONICLE, steps=tuple(step for step in CHRONICLE.steps if step.phase != "after"))

    assert journal(chronicle=silent)["steady_states"]["after"] is None


@pytest.mark.parametrize("id", sorted(EXPERIMENTS))
def test_every_experiment_of_ours_has_chaos_toolkits_form(id: str) -> None:
    document = json.loads(json.dumps(document_of(EXPERIMENTS[id])))

    names = [one["name"] for one in document["method"]]
    assert [f"inject {fault}" for fault in EXPERIMENTS[id].faults] == names[: len(EXPERIMENTS[id].faults)]
    assert all(probe["tolerance"] == activities.HOLDS for probe in document["steady-state-hypothesis"]["probes"])
    for one in (*document["method"], *document["rollbacks"], *document["steady-state-hypothesis"]["probes"]):
        called = getattr(activities, one["provider"]["func"])
        assert set(one["provider"]["arguments"]) <= set(called.__code__.co_varnames[: called.__code__.co_argcount])


def test_chaos_toolkits_own_library_finds_all_of_them_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    # No dependency of ours: `pip install chaostoolkit-lib` beside them is enough for this to be asked.
    chaoslib = pytest.importorskip("chaoslib.experiment", reason="chaostoolkit-lib is not installed")
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2]), *sys.path])

    for experiment in EXPERIMENTS.values():
        chaoslib.ensure_experiment_is_valid(document_of(experiment))


def save(folder: Path, *results: Result) -> Path:
    folder.mkdir()
    checks = [entry("EXP-SRV-001", area=Area.CHAOS)]
    (folder / "results.json").write_text(json.dumps(to_json(run_of(checks, results))))
    return folder


def test_a_runs_journals_are_written_with_its_reports_and_again_by_the_command(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = save(tmp_path / "run", result())

    publish(folder)
    code = main(["journal", str(folder), "--experiment", "EXP-SRV-001", "--output", str(tmp_path / "journal.json")])

    own = json.loads((folder / "journal" / "EXP-SRV-001.json").read_text())
    jsonschema.validate(own, JOURNAL)
    assert json.loads((folder / "journal.json").read_text()) == [own]
    assert code == 0
    assert json.loads((tmp_path / "journal.json").read_text()) == own
    assert main(["journal", str(folder)]) == 0
    assert json.loads(capfd.readouterr().out) == [own]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{run}", "--experiment", "EXP-NIX-001"], "the run has no journal of EXP-NIX-001 (it has EXP-SRV-001)"),
        (["{run}/nowhere"], "there are no results of a run"),
        (["{run}", "--output", "{run}/no/such/folder.json"], "it can't be written"),
    ],
)
def test_what_cannot_be_told_is_refused_in_one_sentence(
    arguments: list[str], says: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = save(tmp_path / "run", result())

    code = main(["journal", *(word.format(run=folder) for word in arguments)])

    said = capfd.readouterr()
    assert code == 4
    assert says in said.err
    assert said.err.count("\n") == 1


def test_a_run_without_experiments_has_an_empty_list(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(to_json(realistic())))

    publish(folder)

    assert json.loads((folder / "journal.json").read_text()) == []
    assert not (folder / "journal").exists()


def test_chaos_toolkit_may_break_no_project_that_nobody_allowed_by_name() -> None:
    with pytest.raises(UserError, match="need SEATRIAL_ALLOW_FAULTS=some-project"):
        activities.inject("EXP-SRV-001", configuration={"project": "some-project", "permission": ""})


def test_what_does_not_stand_is_reverted_in_peace_and_has_no_witness() -> None:
    assert activities.revert("EXP-SRV-001") == "did not stand"
    with pytest.raises(UserError, match="does not stand"):
        activities.bit("EXP-SRV-001")


@pytest.mark.parametrize(
    ("experiment", "probe", "says"), [("EXP-NIX-001", "", "no experiment"), ("EXP-SRV-001", "nope", "no probe 'nope'")]
)
def test_an_unknown_name_is_said(experiment: str, probe: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        activities.answer(experiment, probe)
