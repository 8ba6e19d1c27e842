"""The journal is what is left when everything else is dead: it must be whole or say that it isn't."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from chaos.journal import Journal, JournalUnwritable
from stack.errors import CannotTell

FAULT = {"effect": "paused", "parameters": {"service": "shop"}}


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "deep" / "fake.jsonl")


def test_an_intent_stands_until_it_is_closed(journal: Journal) -> None:
    number = journal.intend(FAULT, {"services": {}})

    assert [(i.number, i.fault, i.injected) for i in journal.standing()] == [(number, FAULT, False)]

    journal.note(number, "injected")
    assert journal.standing()[0].injected

    journal.note(number, "reverted")
    assert journal.standing() == []


def test_a_failed_revert_goes_on_standing_with_its_reason(journal: Journal) -> None:
    number = journal.intend(FAULT, {})

    journal.note(number, "revert_failed", "it is still frozen")

    assert [i.failure for i in journal.standing()] == ["it is still frozen"]


def test_a_torn_last_line_is_no_intent_and_the_next_entry_is_whole(journal: Journal) -> None:
    first = journal.intend(FAULT, {})
    with journal.path.open("a") as file:
        file.write('{"event": "intent", "number": "torn", "fau')

    second = journal.intend(FAULT, {})

    assert [i.number for i in journal.standing()] == [first, second]


def test_a_line_torn_in_the_middle_is_refused_by_its_number(journal: Journal) -> None:
    journal.intend(FAULT, {})
    journal.path.write_text("garbage\n" + journal.path.read_text())

    with pytest.raises(CannotTell, match=r"fake\.jsonl:1: the fault journal is damaged"):
        journal.standing()


def test_every_entry_is_fsynced_before_append_returns(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        synced.append(path)
        if path.endswith(".jsonl"):
            assert json.loads(Path(path).read_text().splitlines()[-1])["event"] == "intent"

    monkeypatch.setattr(os, "fsync", fsync)

    journal.intend(FAULT, {})

    assert synced == [str(journal.path), str(journal.path.parent)]


def test_a_full_disk_is_one_sentence_and_no_intent(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)

    with pytest.raises(JournalUnwritable, match="No space left on device"):
        journal.intend(FAULT, {})


def test_only_a_journal_with_nothing_standing_is_put_away(journal: Journal) -> None:
    number = journal.intend(FAULT, {})
    journal.forget_closed()
    assert journal.path.exists()

    journal.note(number, "healed")
    journal.forget_closed()

    assert not journal.path.exists()
    assert journal.path.with_suffix(".previous.jsonl").exists()
