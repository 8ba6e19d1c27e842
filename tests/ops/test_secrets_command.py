"""`python -m stack.ops secrets`: each action on a clone of its own, with real sops and age; values only when asked for by name."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path

import pytest

from stack import secrets as store
from stack.errors import UserError
from stack.ops import secrets as command

VALUES = {name: f"value-of-{name}" for name in store.NAMES}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with encrypted secrets."""
    (tmp_path / "stack").mkdir()
    (tmp_path / ".operator").mkdir(mode=0o700)
    store._make_age_key(store.Places(tmp_path).age_key)
    store.encrypt(tmp_path, VALUES)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    return tmp_path


def run(*argv: str) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.main(parser.parse_args(argv))


def test_view_lists_names_and_no_value(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("view")

    assert capsys.readouterr().out.split() == sorted(VALUES)


def test_view_prints_the_one_value_asked_for(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("view", "SESSION_SECRET")

    assert capsys.readouterr().out == "value-of-SESSION_SECRET\n"


def test_view_of_an_unknown_name_says_which_there_are(root: Path) -> None:
    with pytest.raises(UserError, match="unknown secret NOPE: the file holds BACKUP_GPG_PASSPHRASE"):
        run("view", "NOPE")


def test_a_rehearsed_rotation_says_what_would_restart_and_changes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--json", "rotate", "GRAFANA_ADMIN_PASSWORD", "--dry-run")

    assert json.loads(capsys.readouterr().out)["restart"] == ["grafana"]
    assert store.decrypt(root) == VALUES


def test_rotation_changes_what_is_named(root: Path) -> None:
    run("rotate", "SESSION_SECRET")

    assert store.decrypt(root)["SESSION_SECRET"] != VALUES["SESSION_SECRET"]


def test_encrypt_takes_a_plain_file_and_leaves_no_plain_value(root: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps({**VALUES, "SESSION_SECRET": "chosen-by-hand"}))

    run("encrypt", str(plain))

    assert store.decrypt(root)["SESSION_SECRET"] == "chosen-by-hand"
    assert "chosen-by-hand" not in store.Places(root).encrypted.read_text()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("{", "is not JSON"), ("[]", "is not a JSON object of strings"), ('{"X": "y"}', "unknown secret X")],
)
def test_bad_input_is_one_sentence_and_replaces_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))

    with pytest.raises(UserError, match=sentence):
        run("encrypt")

    assert store.decrypt(root) == VALUES


def test_render_writes_the_projects_files(root: Path) -> None:
    run("render", "--project", "another")

    folder = root / ".seatrial" / "another" / "secrets" / "grafana"
    assert (folder / "GRAFANA_ADMIN_PASSWORD").read_text() == VALUES["GRAFANA_ADMIN_PASSWORD"]
