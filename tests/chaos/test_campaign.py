"""The SIGKILL campaign: draws that are uniform and come again, a judge that sees what is left, and a short run on a real engine."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaos.campaign import __main__ as command
from chaos.campaign import judge
from chaos.campaign.calm import Calm, Round
from chaos.campaign.draw import STEPS, VICTIMS, Kill, draw
from chaos.campaign.table import Campaign
from chaos.campaign.trial import Judge, Trial
from chaos.examples import ELSEWHERE, EXAMPLES
from chaos.faults import FAULTS, decode
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from tests.chaos.small_here import engine_or_skip, small_or_skip

ROOT = Path(__file__).parents[2]
PROJECT = f"st-campaign-{os.getpid()}"
FEW = ("paused", "partitioned", "latency")
"""A container's, a network's, and one with a helper: the short run takes about 30 s."""


# ── what is drawn ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_seed_draws_the_same_kills_again_and_each_by_itself() -> None:
    first = [draw(7, number, FEW) for number in range(1, 50)]

    assert [draw(7, number, FEW) for number in range(1, 50)] == first
    assert draw(7, 13, FEW) == first[12]
    assert [draw(8, number, FEW) for number in range(1, 50)] != first


def test_faults_steps_and_victims_are_drawn_alike() -> None:
    drawn = [draw(1, number, FEW) for number in range(9000)]

    for counted, of in (
        (Counter(kill.effect for kill in drawn), FEW),
        (Counter(kill.step for kill in drawn), STEPS),
        (Counter(kill.victim for kill in drawn), VICTIMS),
    ):
        assert set(counted) == set(of)
        assert min(counted.values()) > 0.8 * 9000 / len(of)


def test_every_fault_has_its_example_or_the_reason_why_not() -> None:
    assert set(EXAMPLES) | set(ELSEWHERE) == set(FAULTS)
    assert not set(EXAMPLES) & set(ELSEWHERE)


@pytest.mark.parametrize("effect", sorted(EXAMPLES))
def test_an_example_is_of_its_effect_and_survives_the_journal(effect: str) -> None:
    fault = EXAMPLES[effect].fault

    assert fault.effect == effect
    assert decode(fault.to_json()) == fault


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────────


def campaign(**change: Any) -> Campaign:
    good = Round(total=0.5, witnessed="it is frozen")
    trial = Trial(Kill(3, "paused", "standing", "runner", 0.1), "runner", "watchdog", 0.7, ())
    given: dict[str, Any] = {"calm": [Calm("paused", "container", [good, good])], "trials": [trial], **change}
    return Campaign(7, 1, elsewhere={"melted": "there is no fire"}, **given)


def test_a_clean_campaign_has_a_row_a_fault_and_no_complaint() -> None:
    told = campaign().markdown()

    assert campaign().is_clean
    assert "| paused | container | 2/2 | 2/2 | 2/2 | 2/2 | 0.50 s | 1 | 0 |" in told
    assert "| melted | | not assessed: there is no fire |" in told
    assert "1 kills of 1 planned, seed 7: 0 left something." in told


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {
                "trials": [
                    Trial(Kill(3, "paused", "standing", "runner", 0.1), "runner", "watchdog", 0.7, ("web: is paused",))
                ]
            },
            "again: python -m chaos.campaign --seed 7 --only 3",
        ),
        ({"calm": [Calm("paused", "container", [Round(total=1)])]}, "paused, round 1: it did not bite"),
        (
            {"calm": [Calm("paused", "container", [Round(witnessed="x", leftovers=("a rule",))])]},
            "round 1: left a rule",
        ),
        (
            {"calm": [Calm("paused", "container", [Round(witnessed="x", failure="REVERT_FAILED")])]},
            "round 1: REVERT_FAILED",
        ),
    ],
    ids=["left after a kill", "did not bite", "left without a kill", "revert failed"],
)
def test_what_is_not_as_promised_is_said_with_how_to_repeat_it(change: dict[str, Any], says: str) -> None:
    assert not campaign(**change).is_clean
    assert says in campaign(**change).markdown()


def test_kills_that_were_not_tried_are_not_clean() -> None:
    assert not campaign(trials=[]).is_clean


def test_the_document_holds_every_kill_and_every_round() -> None:
    told = json.loads(json.dumps(campaign().to_json()))

    assert told["seed"] == 7
    assert told["kills"][0]["healer"] == "watchdog"
    assert told["faults"][0]["rounds"][0]["witnessed"] == "it is frozen"


@pytest.mark.parametrize(
    "argv", [["--kills", "many"], ["--effect", "melted"], ["--victim", "judge"], ["--step", "later"], ["--sed", "x"]]
)
def test_bad_input_leaves_with_4_and_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(argv)

    assert left.value.code == 4
    assert capsys.readouterr().err.count("\n") == 1


def test_without_an_engine_it_leaves_with_4(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise CannotTell("no Docker engine answers")

    monkeypatch.setattr(Driver, "connect", nobody)

    assert command.main(["--kills", "1"]) == 4
    assert "no Docker engine answers" in capsys.readouterr().err


# ── the judge ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_judge_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(judge.__file__).read_text())
    imported = [one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names]
    imported += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]

    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    with small_or_skip(f"{PROJECT}-judged", root=True) as stack:
        yield stack


INSIDE = "nsenter --net=/proc/$(docker inspect --format '{{.State.Pid}}' P-web-1)/ns/net -- "
LEFT = {
    "frozen": ("docker pause P-web-1", "docker unpause P-web-1", "web-1: status"),
    "down": ("docker stop --time 0 P-web-1", "docker start P-web-1", "web-1: status"),
    "a rule": (
        INSIDE + "iptables -A INPUT -s 192.0.2.1 -j DROP",
        INSIDE + "iptables -D INPUT 1",
        "web-1: packet rules",
    ),
    "a queue": (INSIDE + "tc qdisc add dev eth0 root pfifo", INSIDE + "tc qdisc del dev eth0 root", "web-1: queues"),
    "a file": (
        "docker exec P-store-1 sh -c 'printf x >> /data/wallet.bin'",
        "docker exec P-store-1 truncate --size 65536 /data/wallet.bin",
        "store-1: file /data/wallet.bin",
    ),
    "a file more": (
        "docker exec P-store-1 touch /data/more",
        "docker exec P-store-1 rm /data/more",
        "store-1: file /data/more",
    ),
    "a process": (
        "docker exec --detach P-client-1 sleep 61",
        "docker exec P-client-1 sh -c 'kill $(grep -lz 61 /proc/[0-9]*/cmdline | cut -d/ -f3)' || true",
        "client-1: processes",
    ),
    "a limit": ("docker update --pids-limit 9 P-web-1", "docker update --pids-limit 64 P-web-1", "web-1: limits"),
    "a signal through the engine": (
        "docker kill --signal WINCH P-web-1",
        "docker restart --time 0 P-web-1",
        "web-1: restart policy in force",
    ),
    "a helper": (
        "docker run --detach --label seatrial.helper=P --name P-helper --entrypoint sleep seatrial/faultbox:local 60",
        "docker rm --force P-helper",
        "helpers",
    ),
}


@pytest.fixture(scope="module")
def judging(small: Stack, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """The judge, having seen the stack as it should be."""
    return Judge(small.project, tmp_path_factory.mktemp("judge"))


@pytest.mark.parametrize("kind", LEFT)
def test_the_judge_sees_what_is_left_and_that_it_went(small: Stack, judging: Judge, kind: str) -> None:
    leave, undo, where = (
        text.replace("P-", f"{small.project}-").replace("=P ", f"={small.project} ") for text in LEFT[kind]
    )

    subprocess.run(["sh", "-c", leave], check=True, capture_output=True)
    try:
        left = judging.leftovers(within=0)
    finally:
        subprocess.run(["sh", "-c", undo], check=True, capture_output=True)

    assert any(where in line for line in left), left
    assert judging.leftovers() == ()


# ── a short one ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_few_kills_on_a_real_engine_leave_nothing(tmp_path: Path) -> None:
    engine_or_skip(PROJECT, root=True)
    seed = os.environ.get("SEATRIAL_SEED", "20261124")
    kills = os.environ.get("SEATRIAL_ENGINE_KILLS", "6")
    argv = ["--kills", kills, "--rounds", "1", "--seed", seed, "--project", PROJECT]
    argv += [word for effect in FEW for word in ("--effect", effect)]
    told = tmp_path / "campaign.json"

    done = subprocess.run(
        [sys.executable, "-m", "chaos.campaign", *argv, "--json", str(told)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(json.loads(told.read_text())["kills"]) == int(kills)
