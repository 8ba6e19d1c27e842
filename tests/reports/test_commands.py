"""``python -m reports``: the same verdict again, refusals in one sentence with exit code 4, and what changed between
two runs.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports import picture
from reports.__main__ import main
from reports.document import Run, to_json
from reports.outcome import Outcome
from tests.reports.sample import entry, realistic, result, run_of


def _save(folder: Path, run: Run) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(to_json(run)))
    return str(folder)


def _good(**manifest: object) -> Run:
    now = datetime.now(UTC).isoformat()
    return run_of([entry("TST-A-001")], [result("TST-A-001", Outcome.PASS)], manifest={"started": now, **manifest})


def test_rendering_again_writes_the_same_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _save(tmp_path / "run", realistic())

    code = main(["render", folder])

    assert code == 0
    assert "NOT READY" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "scorecard.json").read_text())["tier"] == "NOT_READY"
    assert not (tmp_path / "latest").exists()  # that is the newest run, not the one rendered last


def test_a_picture_lies_beside_its_page_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[Path, Path]] = []
    monkeypatch.setattr(picture, "take", lambda folder, out: taken.append((folder, out)))

    assert main(["picture", str(tmp_path)]) == 0
    assert main(["picture", str(tmp_path), "--out", "there.png"]) == 0

    assert taken == [(tmp_path, tmp_path / "scorecard.png"), (tmp_path, Path("there.png"))]


def test_the_gate_answers_with_its_exit_code(tmp_path: Path) -> None:
    good, bad = _save(tmp_path / "good", _good()), _save(tmp_path / "bad", realistic())

    assert main(["gate", good, "--gate", "production"]) == 0
    assert main(["gate", bad, "--gate", "staging"]) == 1


def test_the_gate_judges_the_runs_whole_catalogue_even_if_part_of_it_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _good(gate=None)
    folder = _save(tmp_path / "run", replace(run, checks=(*run.checks, entry("TST-B-001"))))

    main(["render", folder])
    rendered = capsys.readouterr().out

    assert "NO VERDICT" in rendered
    assert "1 checks of the catalogue were not asked for" in rendered
    assert main(["gate", folder, "--gate", "staging"]) == 1


def test_a_waiver_of_what_was_not_asked_is_not_said_to_name_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiver = {"id": "TST-B-001", "reason": "r", "owner": "o", "expires": "2027-01-01"}
    run = _good(gate=None, waivers=[waiver, waiver | {"id": "TST-C-001"}])

    main(["render", _save(tmp_path / "run", replace(run, checks=(*run.checks, entry("TST-B-001"))))])

    said = capsys.readouterr().out
    assert "waiver for TST-B-001" not in said
    assert "waiver for TST-C-001" in said


def test_waivers_may_be_given_anew(tmp_path: Path) -> None:
    run = run_of(
        [entry("TST-A-001"), entry("TST-A-002")],
        [result("TST-A-001", Outcome.PASS), result("TST-A-002", Outcome.INCONCLUSIVE)],
        manifest={"gates": {"staging": {"score": 10}}, "started": datetime.now(UTC).isoformat()},
    )
    soon = (datetime.now(UTC) + timedelta(days=9)).date()
    (tmp_path / "w.toml").write_text(f'[[waiver]]\nid="TST-A-002"\nreason="r"\nowner="o"\nexpires={soon}\n')
    folder = _save(tmp_path / "run", run)

    assert main(["gate", folder, "--gate", "staging"]) == 1
    assert main(["gate", folder, "--gate", "staging", "--waivers", str(tmp_path / "w.toml")]) == 0


@pytest.mark.parametrize(
    ("manifest", "words", "said"),
    [
        ({"started": "2026-11-01T00:00:00+00:00"}, ["--max-age", "24h"], "more than the 24 h 00 min allowed"),
        ({"started": "2990-01-01T00:00:00+00:00"}, [], "from the future"),
        ({"started": "yesterday"}, [], "damaged"),
        ({"images": {"nginx": "sha256:old"}}, ["--for", "images.json"], "nginx ran sha256:old, expected sha256:new"),
        ({}, ["--for", "images.json"], "nginx ran not at all"),
        ({}, ["--for", "absent.json"], "cannot be read"),
        ({}, ["--for", "list.json"], "service → image id"),
        ({}, ["--waivers", "absent.toml"], "cannot be read"),
    ],
)
def test_evidence_for_something_else_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    manifest: dict[str, str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images.json").write_text('{"nginx": "sha256:new"}')
    Path("list.json").write_text("[]")

    code = main(["gate", _save(tmp_path / "run", _good(**manifest)), *words])

    error = capsys.readouterr().err
    assert code == 4
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", [["render"], ["gate"], ["diff", "."]])
def test_no_results_are_refused_by_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(_save(tmp_path / "run", _good()))

    assert main([*command, str(tmp_path / "absent")]) == 4
    assert "there are no results" in capsys.readouterr().err


def test_differences_name_what_got_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = _save(tmp_path / "a", realistic())
    changed = [
        replace(one, outcome=Outcome.FAIL)
        if one.id == "SEC-TLS-001"
        else replace(one, outcome=Outcome.PASS)
        if one.id == "FLV-BG-001"
        else one
        for one in realistic().results
    ]
    after = _save(tmp_path / "b", replace(realistic(), results=tuple(changed)))

    assert main(["diff", before, after]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "worse (1)",
        "  SEC-TLS-001                PASS → FAIL           TLS 1.3 is accepted",
    ]
    assert main(["diff", before, before]) == 0


def test_an_instance_that_was_lost_is_worse(tmp_path: Path) -> None:
    before = _save(tmp_path / "a", _good())
    after = _save(tmp_path / "b", replace(_good(), results=()))

    assert main(["diff", before, after]) == 1


def _part(id_: str, outcome: Outcome, **manifest: object) -> Run:
    return run_of([entry(id_)], [result(id_, outcome)], manifest={"started": datetime.now(UTC).isoformat(), **manifest})


def test_parts_of_one_release_become_one_run(tmp_path: Path) -> None:
    parts = [_part("TST-A-001", Outcome.PASS), _part("TST-A-002", Outcome.PASS), _part("TST-A-001", Outcome.FAIL)]
    folders = [_save(tmp_path / str(number), part) for number, part in enumerate(parts)]

    code = main(["merge", *folders, "--out", str(tmp_path / "whole")])

    data = json.loads((tmp_path / "whole" / "results.json").read_text())
    assert code == 0
    assert {one["id"]: one["outcome"] for one in data["results"]} == {"TST-A-001": "FAIL", "TST-A-002": "PASS"}
    assert (tmp_path / "whole" / "readiness.html").is_file()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"compose_sha256": "b"}, "compose_sha256 differs"),
        ({"compose_sha256": "a", "images": {"x": "2"}}, "x ran 1 and 2"),
    ],
)
def test_runs_of_different_releases_are_not_merged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, object], said: str
) -> None:
    one = _save(tmp_path / "1", _part("TST-A-001", Outcome.PASS, compose_sha256="a", images={"x": "1"}))
    two = _save(tmp_path / "2", _part("TST-A-002", Outcome.PASS, **other))

    assert main(["merge", one, two, "--out", str(tmp_path / "whole")]) == 4
    assert said in capsys.readouterr().err


def test_the_page_shows_the_verdicts_before(tmp_path: Path) -> None:
    for name in ("1", "2"):
        main(["render", _save(tmp_path / name, realistic())])
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "scorecard.json").write_text("{")

    assert "Before this run <span" in (tmp_path / "2" / "readiness.html").read_text()
    assert "Before this run <span" not in (tmp_path / "1" / "readiness.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "required: COMMAND"),
        (["shred", "."], "invalid choice: 'shred'"),
        (["gate", ".", "--gate", "gold"], "invalid choice: 'gold'"),
        (["gate", ".", "--max-age", "soon"], "is not an age such as 90m, 24h or 7d"),
    ],
)
def test_a_bad_command_line_ends_in_a_sentence_and_4(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words) == 4
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("outcome", "GREEN", "'GREEN' is not an outcome"),
        ("outcome", 3, "3 is not an outcome"),
        ("seconds", "long", "could not convert"),
        ("notes", 3, "a value is of the wrong kind"),
        ("id", None, "None is not text"),
    ],
)
def test_damage_is_told_without_python(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str, value: object, said: str
) -> None:
    folder = _save(tmp_path / "run", _good())
    path = tmp_path / "run" / "results.json"
    data = json.loads(path.read_text())
    data["results"][0][key] = value
    path.write_text(json.dumps(data))

    assert main(["gate", folder]) == 4
    error = capsys.readouterr().err
    assert said in error
    assert "Error:" not in error
    assert error.count("\n") == 1
