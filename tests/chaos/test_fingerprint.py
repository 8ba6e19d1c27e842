"""Equal after an honest restart, unequal after anything that a fault could leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chaos.fingerprint import Fingerprint
from tests.chaos.fake_stack import FakeStack

Documents = list[dict[str, Any]]


def test_a_restart_leaves_the_fingerprint_equal(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path)
    before = Fingerprint.of(stack)  # type: ignore[arg-type]

    stack.driver.restart(stack.driver.container_ids("shop")[0])
    after = Fingerprint.of(stack)  # type: ignore[arg-type]

    assert before.differences(after) == []
    assert before.incarnations["shop"] != after.incarnations["shop"]


def pause(found: Documents) -> None:
    found[0]["State"].update(Status="paused")


def lose_an_alias(found: Documents) -> None:
    found[0]["NetworkSettings"]["Networks"]["fake_net"]["Aliases"] = []


def lose_the_fixed_address(found: Documents) -> None:
    found[0]["NetworkSettings"]["Networks"]["fake_net"]["IPAMConfig"] = {"IPv4Address": "10.0.0.77"}


def change_the_policy(found: Documents) -> None:
    found[0]["HostConfig"]["RestartPolicy"]["Name"] = "always"


def be_sick(found: Documents) -> None:
    found[0]["State"]["Health"] = {"Status": "unhealthy"}


def mount_more(found: Documents) -> None:
    found[0]["Mounts"].append({"Type": "bind", "Source": "/etc", "Destination": "/host", "RW": True})


def vanish(found: Documents) -> None:
    del found[0]


@pytest.mark.parametrize(
    ("leftover", "says"),
    [
        (pause, "shop: status was 'running', is 'paused'"),
        (lose_an_alias, "shop: networks was"),
        (lose_the_fixed_address, "shop: networks was"),
        (change_the_policy, "shop: restart was 'no', is 'always'"),
        (be_sick, "shop: health was 'none', is 'unhealthy'"),
        (mount_more, "shop: mounts was"),
        (vanish, "shop: is gone"),
    ],
)
def test_a_leftover_shows(tmp_path: Path, leftover: Any, says: str) -> None:
    stack = FakeStack(tmp_path)
    before = Fingerprint.of(stack)  # type: ignore[arg-type]

    stack.put(leftover)

    (difference,) = before.differences(Fingerprint.of(stack))  # type: ignore[arg-type]
    assert difference.startswith(says)


def test_getting_well_is_no_leftover(tmp_path: Path) -> None:
    stack = FakeStack(tmp_path)
    stack.put(lambda found: found[0]["State"].update(Health={"Status": "starting"}))
    before = Fingerprint.of(stack)  # type: ignore[arg-type]

    stack.put(lambda found: found[0]["State"].update(Health={"Status": "healthy"}))

    assert before.differences(Fingerprint.of(stack)) == []  # type: ignore[arg-type]


def test_it_survives_the_journal(tmp_path: Path) -> None:
    before = Fingerprint.of(FakeStack(tmp_path))  # type: ignore[arg-type]

    assert Fingerprint.from_json(before.to_json()) == before
