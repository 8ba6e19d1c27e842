"""What a person at 3 a.m. types, and what it answers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from chaos import __main__ as command
from chaos.by_hand import words_of
from chaos.catalogue import page
from chaos.examples import EXAMPLES
from chaos.faults import FAULTS, make
from chaos.faults.container import Paused
from chaos.fingerprint import Fingerprint
from chaos.runner import journal_of
from stack.errors import CannotTell
from tests.chaos.fake_stack import container

DOCS = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.fixture
def at_hand(fake: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(command, "_stack", lambda _options: fake)
    return fake


def leave_paused(stack: Any) -> None:
    number = journal_of(stack).intend(Paused("shop").to_json(), Fingerprint.of(stack).to_json())
    Paused("shop").inject(stack)
    journal_of(stack).note(number, "injected")


def test_status_says_that_nothing_stands(at_hand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["status"]) == 0
    assert capsys.readouterr().out == "nothing stands in project fake\n"


def test_status_names_what_stands_and_heal_takes_it_back(at_hand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    leave_paused(at_hand)

    assert command.main(["status"]) == 1
    assert "paused(shop) since" in capsys.readouterr().out
    assert command.main(["heal"]) == 0
    assert capsys.readouterr().out == "paused(shop): reverted, and seen to be gone\n"
    assert command.main(["status"]) == 0


@pytest.mark.parametrize("anew", [True, False], ids=["made anew", "not there"])
def test_a_fault_is_gone_with_a_project_that_was_taken_down(
    at_hand: Any, anew: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    leave_paused(at_hand)
    others = [{**container, "Id": container["Id"][::-1]} for container in at_hand.driver.containers(all=True)]
    at_hand.driver.file.write_text(json.dumps(others if anew else []))

    assert command.main(["heal"]) == 0
    assert capsys.readouterr().out == "paused(shop): gone with its project\n"
    assert command.main(["status"]) == 0


def test_a_fault_is_looked_for_where_any_container_of_its_project_is_left(
    at_hand: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    at_hand.driver.file.write_text(json.dumps([container("shop"), container("till")]))
    leave_paused(at_hand)
    at_hand.driver.file.write_text(json.dumps([container("till")]))

    assert command.main(["heal"]) == 0
    assert capsys.readouterr().out == "paused(shop): reverted, and seen to be gone\n"


def test_heal_is_refused_while_another_runner_is_at_it(at_hand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from chaos.lock import ProjectLock
    from chaos.runner import folder_of

    leave_paused(at_hand)
    other = ProjectLock(folder_of(at_hand) / "fake.lock", "fake")
    other.take()
    try:
        assert command.main(["heal"]) == 4
    finally:
        other.drop()
    assert "is being broken by another runner: pid" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["mend"], ["status", "--projct", "fake"], ["list", "--project", "fake"]])
def test_a_command_that_is_none_leaves_with_4(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(argv)

    assert left.value.code == 4
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("argv", [["--project", "fake", "status"], ["status", "--project", "fake"]])
def test_the_project_is_named_on_either_side_of_the_command(argv: list[str], at_hand: Any) -> None:
    leave_paused(at_hand)

    assert command._parser().parse_args(argv).project == "fake"
    assert command.main(argv) == 1


@pytest.mark.parametrize("name", ["status", "heal"])
def test_a_project_that_nobody_has_heard_of_is_bad_input(
    name: str, at_hand: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    at_hand.driver.file.write_text("[]")

    assert command.main([name, "--project", "fake"]) == 4
    assert capsys.readouterr().err.startswith("--project fake: there is no such project")


def test_list_names_every_fault_with_its_parameters_and_how_to_inject_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["list"]) == 0

    told = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in told if line and not line.startswith(" ")} == set(FAULTS)
    examples = [line for line in told if line.startswith("    $ ")]
    assert len(examples) == len(EXAMPLES)
    assert "    --service --peer --port --milliseconds" in "\n".join(told)
    assert told[told.index(next(line for line in told if line.startswith("imported"))) + 1].endswith(
        "--chaos-toolkit FILE"
    )
    assert "put your own in" in told[-2]


@pytest.mark.parametrize("effect", sorted(EXAMPLES))
def test_an_examples_command_is_the_example(effect: str) -> None:
    words = words_of(EXAMPLES[effect].fault)[3:]
    options = command._parser(injecting=True).parse_args([*words, "--allow-faults", "fake"])
    given = {name.removeprefix("p_"): value for name, value in vars(options).items() if name.startswith("p_")}

    assert make(effect, given) == EXAMPLES[effect].fault


def test_a_fault_by_hand_stands_and_is_taken_back(at_hand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["inject", "paused", "--service", "shop", "--for", "200ms", "--allow-faults", "fake"]

    assert command.main(argv) == 0

    told = capsys.readouterr()
    assert "paused(shop): taken back, and proved gone after" in told.out
    assert "it bites: shop is frozen" in told.err
    assert journal_of(at_hand).standing() == []


def test_ctrl_c_ends_a_fault_by_hand_and_it_is_proved_gone(
    at_hand: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        assert Paused("shop").active(at_hand)
        raise KeyboardInterrupt

    monkeypatch.setattr("chaos.by_hand.eventually", interrupted)

    assert command.main(["inject", "paused", "--service", "shop", "--for", "10m", "--allow-faults", "fake"]) == 130

    assert "proved gone" in capsys.readouterr().out
    assert not Paused("shop").active(at_hand)


def nothing(*_: object) -> None:
    return


def refused(*_: object) -> None:
    raise CannotTell("the engine does not say")


@pytest.mark.parametrize(
    ("witness", "says"),
    [
        (nothing, "nothing showed that it bit\n"),
        (refused, "that it bit (it could not be asked: the engine does not say)\n"),
    ],
)
def test_a_fault_by_hand_that_nothing_showed_is_no_success(
    witness: Any, says: str, at_hand: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Paused, "witness", witness)

    assert command.main(["inject", "paused", "--service", "shop", "--for", "200ms", "--allow-faults", "fake"]) == 1

    told = capsys.readouterr()
    assert "proved gone" in told.out
    assert told.out.endswith(says)
    assert "the engine" not in told.err
    assert not Paused("shop").active(at_hand)


def test_a_fault_by_hand_that_was_seen_once_may_be_unaskable_afterwards(
    at_hand: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, "shop is frozen"])

    def witness(*_: object) -> str | None:
        for answer in answers:
            return answer
        raise CannotTell("the engine does not say")

    monkeypatch.setattr(Paused, "witness", witness)

    assert command.main(["inject", "paused", "--service", "shop", "--for", "800ms", "--allow-faults", "fake"]) == 0
    assert "nothing showed" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "breaking it needs --allow-faults fake"),
        (["--allow-faults", "other"], "breaking it needs --allow-faults fake"),
        (["--allow-faults", "fake", "--service", "bank"], "project fake has no service 'bank'"),
    ],
)
def test_a_fault_by_hand_needs_the_projects_name_and_a_service_of_it(
    words: list[str], says: str, at_hand: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["inject", "paused", "--service", "shop", *words]) == 4

    assert says in capsys.readouterr().err
    assert not Paused("shop").active(at_hand)


@pytest.mark.parametrize(
    "words",
    [
        ["melted"],
        ["imported"],
        ["paused"],
        ["paused", "--service", "shop", "--for", "1h"],
        ["latency", "--port", "http"],
    ],
)
def test_a_fault_by_hand_that_is_none_leaves_with_4_and_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(["inject", *words])

    assert left.value.code == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_status_says_what_healing_will_do_and_who_is_at_it(at_hand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    leave_paused(at_hand)

    command.main(["status"])

    told = capsys.readouterr().out
    assert "  healing: Thaw what is frozen. At most 90 s." in told
    assert "nobody is at it: `python -m chaos heal --project fake` takes it back" in told


def test_status_of_a_fault_that_somebody_stands_by(at_hand: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from chaos.injection import injected

    with injected(Paused("shop"), at_hand):
        assert command.main(["status"]) == 1

    assert f"a runner is at it and takes it back itself: pid {os.getpid()} since" in capsys.readouterr().out


def test_a_fault_that_this_version_does_not_know_is_told_and_not_guessed_at(
    at_hand: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    journal_of(at_hand).intend({"effect": "melted", "parameters": {}}, Fingerprint.of(at_hand).to_json())

    assert command.main(["status"]) == 1
    assert "this Seatrial can't undo it: there is no fault 'melted'" in capsys.readouterr().out
    assert command.main(["heal"]) == 1
    assert "there is no fault 'melted'" in capsys.readouterr().out


def test_the_page_in_docs_is_the_one_that_the_faults_make() -> None:
    assert DOCS.read_text() == page(), "run `python -m chaos docs`"


def test_a_page_that_cannot_be_written_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["docs", "--output", str(tmp_path / "none" / "faults.md")]) == 4
    assert "can't be written" in capsys.readouterr().err


def test_a_profile_that_is_not_there_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--profile", str(tmp_path / "none.toml"), "status"]) == 4
    assert capsys.readouterr().err.endswith("none.toml: no such profile\n")
