"""The command line teaches, answers errors in one sentence, and tells by its exit code whose turn it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stack import __main__ as command
from stack import lifecycle
from stack.errors import CannotTell, NoEngine, SeatrialError, UserError
from stack.interruption import Terminated


def failing(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize("word", ["up", "down", "ps", "logs", "images", "doctor"])
def test_every_command_explains_itself(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([word, "--help"]) == 0

    assert "usage: python -m stack" in capsys.readouterr().out


def test_the_help_gives_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    command.main(["--help"])

    shown = capsys.readouterr().out
    assert "python -m stack up --without grafana" in shown
    assert "exit codes:" in shown


@pytest.mark.parametrize(
    "argv", [[], ["upp"], ["up", "--offset", "many"], ["logs"], ["up", "--services"], ["up", "--offset", "60000"]]
)
def test_bad_arguments_are_exit_code_4(
    argv: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.engine.ensure_engine", lambda *_, **__: None)

    assert command.main(argv) == 4

    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("port 443, which nginx needs, is taken by apache2 (process 7)"), 4),
        (NoEngine("no Docker engine answers at unix:///var/run/docker.sock"), 4),
        (CannotTell("`docker compose up` ended with 1"), 4),
        (SeatrialError("loki did not become healthy: exited, no space"), 1),
    ],
)
def test_an_error_is_one_sentence(
    error: SeatrialError, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "state", failing(error))

    assert command.main(["ps"]) == code

    assert capsys.readouterr().err == f"stack: {error}\n"


@pytest.mark.parametrize(("interruption", "code"), [(KeyboardInterrupt(), 130), (Terminated(), 143)])
def test_an_interruption_keeps_its_exit_code(
    interruption: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "state", failing(interruption))

    assert command.main(["ps"]) == code


def test_ps_lists_services_with_their_health(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "state", lambda project: lifecycle.State(project, {"nginx": "healthy", "loki": "exited"}))

    command.main(["ps"])

    assert capsys.readouterr().out == "loki   exited\nnginx  healthy\n"


def test_a_compose_file_that_is_not_one_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "compose.yaml"
    broken.write_text("services: [unbalanced\n")
    monkeypatch.setattr(lifecycle, "COMPOSE_FILE", broken)
    monkeypatch.setattr("stack.engine.ensure_engine", lambda *_, **__: None)

    assert command.main(["up", "--project", "st-stack-broken", "--no-build"]) == 4

    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert said[0].startswith(f"stack: docker compose refuses {broken}")


def test_the_stack_itself_is_never_brought_up_to_be_spoiled(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "up", failing(AssertionError("it was begun")))

    assert command.main(["up", "--faults"]) == 4

    assert "--faults is for a copy, never for seatrial" in capsys.readouterr().err


def test_a_copy_to_be_spoiled_gets_the_faults_overlay(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr("stack.engine.ensure_engine", lambda *_, **__: None)
    monkeypatch.setattr(lifecycle, "up", lambda project, **options: asked.update(options, project=project))

    assert command.main(["up", "--faults", "--project", "rehearsal", "--offset", "1000"]) == 0

    assert asked["project"] == "rehearsal"
    assert [file.name for file in asked["overlays"]] == ["compose.faults.yaml"]
