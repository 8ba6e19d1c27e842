"""A waiver has an id, a reason, an owner and a date that exists; anything else is refused in one sentence."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from reports.waivers import Waiver, read, recorded
from stack.errors import UserError

_GOOD = 'id = "SEC-SUP-001"\nreason = "r"\nowner = "o"\n'


def _read(folder: Path, text: str) -> tuple[Waiver, ...]:
    path = folder / "waivers.toml"
    path.write_text(text)
    return read(path)


def test_waivers_are_read_and_kept_in_a_record(tmp_path: Path) -> None:
    (waiver,) = _read(tmp_path, f'[[waiver]]\n{_GOOD}subject = "promtail"\nexpires = 2027-02-01\n')

    assert waiver == Waiver("SEC-SUP-001", "r", "o", date(2027, 2, 1), "promtail")
    assert recorded([waiver.to_json()]) == (waiver,)


def test_an_empty_file_waives_nothing(tmp_path: Path) -> None:
    assert _read(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[waiver]", "not valid TOML"),
        (f"[[waiver]]\n{_GOOD}", "'expires' is missing"),
        (f"[[waiver]]\n{_GOOD}expires = 2027-02-30\n", "not valid TOML"),
        (f"[[waiver]]\n{_GOOD}expires = 2027-02-03T00:00:00\n", "not a date"),
        (f'[[waiver]]\n{_GOOD}expires = "soon"\n', "not a date"),
        ('[[waiver]]\nid = "X"\nowner = "o"\nexpires = 2027-02-01\n', "'reason' is missing"),
        (f"[[waiver]]\n{_GOOD}expires = 2027-02-01\nexpiry = 1\n", "unknown key 'expiry'"),
        (f"[[waiver]]\n{_GOOD}expires = 2027-02-01\nsubject = 1\n", "'subject' is not text"),
        ("[waiver]\n", "only \\[\\[waiver\\]\\] tables"),
        ("waiver = [1]\n", "a table is expected"),
    ],
)
def test_what_is_not_a_waiver_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        _read(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none.toml")


def test_an_id_that_is_no_text_is_not_called_missing(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text('[[waiver]]\nid = 5\nreason = "r"\nowner = "o"\nexpires = 2027-01-01\n')

    with pytest.raises(UserError, match="'id' is not text, but 5"):
        read(path)
