"""The commands of set-up answer with an exit code and at most one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stack import bootstrap
from stack.bootstrap import foreign_images, main
from stack.errors import NoEngine, UserError
from stack.interruption import Terminated

COMPOSE = """x-monero: &monero
  image: seatrial/monero:local
services:
  grafana: # pulled
    image: grafana/grafana:13.0.1 # only a registry has it
    networks:
      monitoring:
  nginx:
    image: seatrial/nginx:local
  green:
    image: ${GREEN:-seatrial/server:local}
"""


def raising(error: BaseException) -> Callable[..., None]:
    """Return something that raises, whatever it is called with."""

    def do(*_: object, **__: object) -> None:
        raise error

    return do


@pytest.fixture
def nothing_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where every step finds its work done."""
    for step in ("ensure_host", "ensure_engine"):
        monkeypatch.setattr(bootstrap, step, lambda *_: None)
    monkeypatch.setattr(bootstrap.environments, "ensure", lambda *_: None)
    monkeypatch.setattr(bootstrap, "ensure_images", lambda *_: {})


def test_only_images_of_others_are_foreign() -> None:
    assert foreign_images(COMPOSE) == {"grafana": "grafana/grafana:13.0.1"}


def test_the_shipped_stack_pulls_grafana_alone() -> None:
    assert foreign_images(bootstrap.COMPOSE_FILE.read_text()).keys() == {"grafana"}


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UserError("no engine: start one"), 4, "seatrial: no engine: start one\n"),
        (NoEngine("it does not answer"), 4, "seatrial: it does not answer\n"),
        (KeyboardInterrupt(), 130, ""),
        (Terminated(), 143, ""),
    ],
)
def test_an_error_is_one_sentence_and_a_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, says: str
) -> None:
    monkeypatch.setattr(bootstrap, "ensure_engine", raising(error))

    assert main(["engine"]) == code
    assert capsys.readouterr().err == says


@pytest.mark.parametrize("argv", [[], ["unknown"], ["venv", "--nonsense"], ["readiness", "--gate", "moon"]])
def test_a_bad_command_line_is_bad_input(argv: list[str]) -> None:
    assert main(argv) == 4


def test_readiness_hands_over_to_pytest_with_what_was_asked(
    monkeypatch: pytest.MonkeyPatch, nothing_missing: None
) -> None:
    handed: list[str] = []
    monkeypatch.setattr(bootstrap.os, "chdir", lambda _: None)
    monkeypatch.setattr(bootstrap.os, "execv", lambda _, argv: handed.extend(argv))

    main(["readiness", "--gate", "production", "--without", "grafana", "-k", "security"])

    assert handed[1:5] == ["-m", "pytest", "suites", "chaos"]
    assert handed[5:] == ["--gate", "production", "--without=grafana", "-k", "security"]


def test_missing_prints_what_only_a_registry_has(
    monkeypatch: pytest.MonkeyPatch, nothing_missing: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ensure_images", lambda _: {"grafana": "no registry can be reached"})

    assert main(["missing"]) == 0
    assert capsys.readouterr().out == "grafana\n"


def test_an_image_of_ours_that_does_not_build_is_never_excused(
    monkeypatch: pytest.MonkeyPatch, nothing_missing: None, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ensure_images", lambda _: {"loki": "ERROR"})

    assert main(["missing"]) == 1
    assert capsys.readouterr().out == ""


def test_an_unknown_name_is_refused_before_anything_is_set_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "prepare", lambda *_: pytest.fail("set up"))

    assert main(["readiness", "--without", "grafana,nosuch"]) == 4
    assert "--without nosuch: there is no such service" in capsys.readouterr().err


def test_the_shipped_stacks_services_are_read_without_a_yaml_parser() -> None:
    import yaml

    text = bootstrap.COMPOSE_FILE.read_text()

    assert bootstrap.services(text) == yaml.safe_load(text)["services"].keys()
