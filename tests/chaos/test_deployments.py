"""DeployMachine's lists and parts: drawn by seed, refused when they make no sense, and a process that can be killed in a phase."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.machines import every
from chaos.machines.deploying import Deploying
from chaos.machines.deployments import DeployMachine
from chaos.machines.plan import Plan, Step
from chaos.machines.releases import ALL, BAD, GOOD, dockerfile
from chaos.machines.who_serves import away_seconds
from chaos.sampling import Sample, Series
from stack.deployment.record import BAKING, PHASES, STARTING, SWITCHING, Book, Record
from stack.deployment.release import BLUE, Release, Serving
from stack.errors import UserError

SERVE = Serving(BLUE, Release("shop:1", "sha256:1"))
SCRIPT = """
import sys
from pathlib import Path
from stack.deployment.record import Book, Record
from stack.deployment.release import BLUE, Release, Serving
from stack.waiting import pause
book = Book(Path(sys.argv[1]))
for phase in sys.argv[3:]:
    book.write(Record(phase, Serving(BLUE, Release("shop:1", "sha256:1"))))
    print("now", phase, flush=True)
pause(float(sys.argv[2]))
sys.exit(3)
"""


@pytest.fixture
def machine() -> DeployMachine:
    return DeployMachine()


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    yield Book(tmp_path / "deployment.json")


def deploying(book: Book, *phases: str, seconds: float = 30) -> Deploying:
    """A process that writes these phases down, and then goes on for a while."""
    return Deploying([sys.executable, "-c", SCRIPT], [str(book.path), str(seconds), *phases], book)


def test_it_is_found_by_its_name(machine: DeployMachine) -> None:
    assert isinstance(every()["deployments"], DeployMachine)


@pytest.mark.parametrize("seed", [6, 7])
def test_a_seed_gives_a_list_that_can_show_something_and_always_the_same(machine: DeployMachine, seed: int) -> None:
    plan = machine.draw(seed)

    machine.check(plan)
    assert plan.steps == machine.draw(seed).steps
    assert machine.is_worth_it(plan.steps)
    assert len(plan.steps) == 8


def test_no_sound_release_is_drawn_twice_in_a_row(machine: DeployMachine) -> None:
    for seed in (1, 6):
        sound = [
            step.parameters["release"] for step in machine.draw(seed).steps if step.parameters.get("release") in GOOD
        ]
        assert all(one != following for one, following in itertools.pairwise(sound))


@pytest.mark.parametrize(
    "lacks",
    [
        Step("deploy", {"release": "sound-a"}),
        Step("deploy", {"release": "crashes"}),
        Step("kill", {"release": "sound-b", "phase": BAKING, "later_ms": 0}),
        Step("hit", {"release": "sound-c", "phase": STARTING, "effect": "killed", "target": "edge"}),
    ],
    ids=str,
)
def test_a_list_that_lacks_one_of_them_is_not_worth_it(machine: DeployMachine, lacks: Step) -> None:
    whole = [
        Step("deploy", {"release": "sound-a"}),
        Step("deploy", {"release": "crashes"}),
        Step("kill", {"release": "sound-b", "phase": BAKING, "later_ms": 0}),
        Step("hit", {"release": "sound-c", "phase": STARTING, "effect": "killed", "target": "edge"}),
    ]

    assert machine.is_worth_it(whole)
    assert not machine.is_worth_it([step for step in whole if step != lacks])


@pytest.mark.parametrize(
    ("name", "parameters", "told"),
    [
        ("deploy", {}, "is with nothing, expected release"),
        ("deploy", {"release": "sunk"}, "there is no release 'sunk'"),
        ("kill", {"release": "crashes", "phase": BAKING, "later_ms": 0}, "there is no release 'crashes': it is one of"),
        ("kill", {"release": "sound-a", "phase": "asleep", "later_ms": 0}, "there is no phase 'asleep'"),
        ("kill", {"release": "sound-a", "phase": BAKING, "later_ms": -1}, "later_ms is -1, expected a whole number"),
        ("kill", {"release": "sound-a", "phase": BAKING, "later_ms": True}, "later_ms is True"),
        (
            "hit",
            {"release": "sound-a", "phase": BAKING, "effect": "sunk", "target": "edge"},
            "there is no effect 'sunk': it is one of killed, paused",
        ),
        ("order", {"key": "first"}, "key is 'first', expected a whole number"),
        ("sail", {}, "deployments has no step 'sail'"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(
    machine: DeployMachine, name: str, parameters: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        machine.check(Plan("deployments", (Step(name, parameters),)))


@pytest.mark.parametrize("name", ALL)
def test_a_release_is_made_from_what_runs(name: str) -> None:
    lines = dockerfile(name, "shop:1").splitlines()

    assert lines[:2] == ["FROM shop:1", f"LABEL seatrial.trial={name}"]
    assert len(lines) == (3 if name in BAD else 2)


@pytest.mark.parametrize("name", BAD)
def test_what_makes_a_release_bad_is_a_program(name: str) -> None:
    _, _, program = json.loads(dockerfile(name, "shop:1").splitlines()[2].removeprefix("ENTRYPOINT "))

    compile(program, name, "exec")
    assert "BAD" not in program


def test_a_process_is_killed_in_the_phase_that_it_wrote_down(book: Book) -> None:
    with deploying(book, STARTING, SWITCHING) as process:
        reached = process.reaches(SWITCHING)
        process.kill()

        assert reached
        assert process.process.returncode == -9


def test_one_that_never_gets_there_is_not_waited_for_beyond_its_end(book: Book) -> None:
    with deploying(book, STARTING, seconds=0) as process:
        assert not process.reaches(BAKING)
        assert process.ends() == 3


def test_its_last_words_can_be_read_after_it(book: Book) -> None:
    with deploying(book, STARTING, seconds=0) as process:
        process.ends()

    assert process.said == "now starting"


def test_the_end_of_the_block_ends_it(book: Book) -> None:
    with deploying(book, STARTING) as process:
        process.reaches(STARTING)

    assert process.process.returncode == -9


def test_every_phase_can_be_written_and_read(book: Book) -> None:
    for phase in PHASES:
        book.write(Record(phase, SERVE, candidate=SERVE, previous=SERVE.release))

        assert book.read() == Record(phase, SERVE, candidate=SERVE, previous=SERVE.release)


@pytest.mark.parametrize(
    ("wrong", "seconds"), [("", 0.0), ("...", 0.0), (".x.", 0.0), ("xx.xxx..x", 2.5), ("x.xx", 1.5)]
)
def test_for_how_long_customers_were_sent_away_is_measured(wrong: str, seconds: float) -> None:
    series = Series(tuple(Sample(float(at), 0.5, "status 502" if one == "x" else None) for at, one in enumerate(wrong)))

    assert away_seconds(series) == seconds
