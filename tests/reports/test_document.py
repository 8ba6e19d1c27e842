"""The record of a run survives a round trip, a kill and a schema, and refuses in one sentence what is not one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from reports import record
from reports.document import compiled, from_json, load, to_json
from reports.record import Record, new_folder, point_latest
from reports.render import json_
from reports.scorecard import score
from stack.errors import UserError
from tests.reports.sample import TODAY, card, realistic

ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = Path(__file__).resolve().parents[2] / "reports" / "schema"


def _schema(name: str) -> Any:
    schema = json.loads((_SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


def test_what_was_written_is_what_is_read() -> None:
    run = from_json(json.loads(json.dumps(to_json(realistic()))))

    assert to_json(run) == to_json(from_json(to_json(run)))
    assert len(run.results) == len(realistic().results)


def test_the_published_schemas_hold_for_what_is_written() -> None:
    results = json.loads(json.dumps(to_json(realistic())))

    _schema("results").validate(results)
    _schema("scorecard").validate(json_.as_data(card()))
    _schema("scorecard").validate(json_.as_data(score((), realistic(), (), TODAY, partial=3)))


def test_the_schema_refuses_a_key_it_does_not_know() -> None:
    data = to_json(realistic())
    data["results"][0]["outcom"] = "PASS"

    assert not _schema("results").is_valid(json.loads(json.dumps(data)))


def test_text_from_elsewhere_is_printable_once_read() -> None:
    text = json.dumps(to_json(from_json(to_json(realistic()))), ensure_ascii=False)

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\\\x1b[31mred" in text


def _lines() -> list[str]:
    data = to_json(realistic())
    lines = [{"kind": "run", **{key: data[key] for key in ("schema", "version", "manifest")}}]
    lines += [
        {"kind": kind, **one}
        for kind in ("check", "planned", "result")
        for one in data[kind + "s" * (kind != "planned")]
    ]
    return [json.dumps(one) + "\n" for one in lines]


def test_a_killed_run_leaves_what_it_had_up_to_a_line_cut_short() -> None:
    lines = _lines()

    run = compiled([*lines[:-1], lines[-1][:40]])

    assert len(run.results) == len(realistic().results) - 1
    assert run.ended.startswith("killed")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not whole JSON"),
        ("{", "not whole JSON"),
        (json.dumps(to_json(realistic()))[:-20], "not whole JSON"),
        ("[" * 100_000, "not whole JSON"),
        ("[]", "not a record of a Seatrial run"),
        ('{"schema": "other"}', "not a record of a Seatrial run"),
        ('{"schema": "seatrial.results", "version": 2}', "written by another version"),
        ('{"schema": "seatrial.results", "version": 1}', "damaged"),
        (json.dumps({**to_json(realistic()), "results": [{"id": 1}]}), "damaged"),
        (json.dumps({**to_json(realistic()), "manifest": {"started": "x", "images": []}}), "damaged"),
        (json.dumps({**to_json(realistic()), "checks": []}), "damaged"),
        (json.dumps({**to_json(realistic()), "results": to_json(realistic())["results"] * 2}), "damaged"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "results.json").write_text(content)

    with pytest.raises(UserError, match=said) as refused:
        load(tmp_path)

    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no results"):
        load(tmp_path / "nothing")


def test_each_line_is_on_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    record = Record(tmp_path, {"started": "2026-11-24T06:00:00+00:00"})

    record.line("planned", id="TST-A-001", subject="")

    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 2
    record.end("", {})


def test_folders_of_the_same_second_do_not_meet_and_latest_points_to_the_last(tmp_path: Path) -> None:
    first, second = new_folder(tmp_path), new_folder(tmp_path)

    for folder in (first, second):
        point_latest(folder)

    assert first != second
    assert (tmp_path / "latest").resolve() == second.resolve()


@pytest.mark.parametrize("bad", ["file", "/proc/nowhere"])
def test_a_place_that_takes_no_reports_is_refused(tmp_path: Path, bad: str) -> None:
    path = tmp_path / bad
    if bad == "file":
        path.write_text("")

    with pytest.raises(UserError, match="reports cannot be written there"):
        new_folder(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a folder read-only")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from reports.record import new_folder; from stack.errors import UserError\n"
        "try: new_folder(pathlib.Path(sys.argv[1]) / 'out')\n"
        "except UserError as error: sys.exit(str(error))\n"
    )
    mount = 'mount -t tmpfs -o ro tmpfs "$1" && exec "$2" -c "$3" "$1"'

    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", tmp_path, sys.executable, program],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )

    assert done.stderr == f"{tmp_path}/out: reports cannot be written there (Read-only file system).\n"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_nearly_full_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record.shutil, "disk_usage", lambda _place: SimpleNamespace(free=3 * 1024**2))

    with pytest.raises(UserError, match=r"out: the disk under it is nearly full: 3 MiB free, 64 needed for reports\.$"):
        new_folder(tmp_path / "out")

    assert list(tmp_path.iterdir()) == []
