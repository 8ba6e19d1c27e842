"""Why: a waiver beside a line must lift what stands at that line, nothing else, and never longer than one in the file may."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from reports.inline_waivers import parsed, read_beside
from reports.outcome import Outcome, Result
from reports.scorecard import score
from reports.waivers import Waiver, recorded, same_place
from stack.errors import UserError
from tests.reports.sample import TODAY, entry, result, run_of

GOOD = 'waive SEC-CMP-006 until 2027-01-31 owner=ops reason="the agent reads it"'


def waiver(line: int = 7, expires: date = date(2027, 1, 31), id_: str = "SEC-CMP-006") -> Waiver:
    return Waiver(id_, "known", "ops", expires, place=f"stack/compose.yaml:{line}")


def failed(*lines: int, **more: object) -> Result:
    text = "\n".join(f"app: /etc is mounted [/work/stack/compose.yaml:{line}]" for line in lines)
    return result("SEC-CMP-006", Outcome.FAIL, "app", reason=text, **more)


def stands(found: Result, *waivers: Waiver) -> bool:
    (check,) = score((), run_of([entry("SEC-CMP-006")], [found]), waivers, TODAY).checks
    return check.stands


def said(found: Result, *waivers: Waiver) -> str:
    return " ".join(score((), run_of([entry("SEC-CMP-006")], [found]), waivers, TODAY).findings)


def test_at_the_end_of_a_line_it_is_about_that_line() -> None:
    (found,) = parsed(f"a: 1\nvolumes: [/etc:/x] # seatrial: {GOOD}\n", "compose.yaml")

    assert found == Waiver("SEC-CMP-006", "the agent reads it", "ops", date(2027, 1, 31), place="compose.yaml:2")


def test_alone_on_a_line_it_is_about_the_next_that_is_no_comment() -> None:
    (found,) = parsed(f"FROM x\n# seatrial: {GOOD}\n# why\n\nUSER root\n", "Dockerfile")

    assert found.place == "Dockerfile:5"


def test_quotes_may_hold_an_owner_of_several_words() -> None:
    (found,) = parsed('#seatrial: waive SEC-IMG-005 until 2027-01-31 owner="the ops team" reason="x y"', "nginx.conf")

    assert (found.owner, found.reason) == ("the ops team", "x y")


@pytest.mark.parametrize(
    "words",
    [
        "waive SEC-CMP-006",
        'waive SEC-CMP-006 until 2027-01-31 owner=ops reason=""',
        'waive SEC-CMP-006 until 2027-01-31 owner="" reason="x"',
        'waive SEC-CMP-006 until 2027-02-30 owner=ops reason="x"',
        'waive SEC-CMP-006 until soon owner=ops reason="x"',
        'waive SEC-CMP-006 until 2027-01-31 reason="x"',
        'waive SEC-CMP-006 until 2027-01-31 owner=ops reason="x" for ever',
        'wave SEC-CMP-006 until 2027-01-31 owner=ops reason="x"',
        "",
    ],
)
def test_a_malformed_one_is_refused_in_one_sentence_with_its_line(words: str) -> None:
    with pytest.raises(UserError, match=r"^compose\.yaml:2: [^\n]+\.$"):
        list(parsed(f"services:\n# seatrial: {words}\n", "compose.yaml"))


def test_a_comment_that_is_none_of_ours_is_left_alone() -> None:
    assert list(parsed("# waive SEC-CMP-006\n# trial: x\n", "compose.yaml")) == []


def test_places_are_shown_relative_to_the_project(tmp_path: Path) -> None:
    file = tmp_path / "stack" / "compose.yaml"
    file.parent.mkdir()
    file.write_text(f"a: 1 # seatrial: {GOOD}\n")

    assert [one.place for one in read_beside([file, file], tmp_path)] == ["stack/compose.yaml:1"]
    assert [one.place for one in read_beside([file], tmp_path / "other")] == [f"{file}:1"]


def test_a_record_keeps_it() -> None:
    assert recorded([waiver().to_json()]) == (waiver(),)


def test_it_lifts_what_stands_at_its_line() -> None:
    assert not stands(failed(7), waiver(7))


def test_it_lifts_nothing_at_another_line() -> None:
    assert stands(failed(8), waiver(7))


def test_of_two_findings_one_waived_leaves_the_check_standing_and_both_waived_lift_it() -> None:
    assert stands(failed(7, 8), waiver(7))
    assert not stands(failed(7, 8), waiver(7), waiver(8))


def test_a_finding_without_a_place_is_not_lifted_by_its_neighbours_waiver() -> None:
    both = result("SEC-CMP-006", Outcome.FAIL, "app", reason="app: x [/work/stack/compose.yaml:7]\napp: y")

    assert stands(both, waiver(7))


def test_a_result_that_names_places_only_as_evidence_is_lifted_by_all_of_them() -> None:
    noted = result("SEC-CMP-006", Outcome.FAIL, "app", reason="app: runs as 0", places=(("stack/compose.yaml", 7),))

    assert not stands(noted, waiver(7))


def test_another_file_of_the_same_name_is_another_place() -> None:
    other = result("SEC-CMP-006", Outcome.FAIL, "app", reason="app: x [/work/other/compose.yaml:7]")

    assert stands(other, waiver(7))


HERE = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("compose.yaml:3", "compose.yaml:3", True),
        ("compose.yaml:3", "./sub/../compose.yaml:3", True),
        ("compose.yaml:3", "sub/compose.yaml:3", False),
        ("/srv/compose.yaml:3", "/srv/sub/../compose.yaml:3", True),
        ("/compose.yaml:3", "/srv/compose.yaml:3", False),
        ("compose.yaml:3", f"{HERE}/compose.yaml:3", True),
        ("compose.yaml:3", f"{HERE}/sub/compose.yaml:3", False),
        ("sub/compose.yaml:3", "/of/another/machine/sub/compose.yaml:3", True),
        ("compose.yaml:3", "compose.yaml:13", False),
    ],
)
def test_two_files_of_one_name_are_two_places(one: str, other: str, same: bool) -> None:
    assert same_place(one, other) is same
    assert same_place(other, one) is same


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (waiver(9), "is not used"),
        (waiver(7, date(2026, 11, 23)), "expired on 2026-11-23"),
        (waiver(7, date(2028, 1, 1)), "more than 180 days ahead"),
        (waiver(7, id_="SEC-NOPE-001"), "names a check that does not exist"),
    ],
)
def test_one_that_does_not_count_is_told_and_lifts_nothing(made: Waiver, sentence: str) -> None:
    assert stands(failed(7), made)
    assert sentence in said(failed(7), made)
    assert f"at {made.place}" in said(failed(7), made)


def test_a_fault_that_was_not_reverted_is_never_lifted() -> None:
    assert stands(failed(7, revert_failed=True), waiver(7))


def test_the_score_is_never_changed() -> None:
    run = run_of([entry("SEC-CMP-006"), entry("SEC-CMP-001")], [failed(7), result("SEC-CMP-001", Outcome.PASS, "app")])

    assert score((), run, (waiver(7),), TODAY).total == score((), run, (), TODAY).total
