"""Equal after an honest restart, unequal after anything that a fault could leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaos import inside
from chaos.faults.container import Paused
from chaos.fingerprint import Fingerprint
from stack.errors import CannotTell
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


def run_another_program(found: Documents) -> None:
    found[0]["Config"]["Cmd"] = ["sh"]


def be_given_less(found: Documents) -> None:
    found[0]["HostConfig"]["PidsLimit"] = 3


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
        (mount_more, "shop: mounts: bind /etc /host rw is there"),
        (run_another_program, "shop: settings was"),
        (be_given_less, "shop: limits was {}, is {'PidsLimit': 3}"),
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


@dataclass(frozen=True)
class Touching(Paused):
    """A fault that changes a file."""

    def touched(self, stack: Any) -> dict[str, str]:
        """What the file holds."""
        return {"file /data/one": (stack.root / "one").read_text()}


def test_a_file_that_is_not_what_it_was_is_a_leftover_by_its_name(tmp_path: Path) -> None:
    stack: Any = FakeStack(tmp_path)
    (tmp_path / "one").write_text("right")
    before = Fingerprint.of(stack, fault=Touching("shop"))

    (tmp_path / "one").write_text("wrong")

    assert before.differences(Fingerprint.of(stack, fault=Touching("shop"))) == ["file /data/one was right, is wrong"]


@pytest.mark.parametrize(
    ("what_people_did", "differences"),
    [
        ([vanish], 0),
        ([change_the_policy], 0),
        ([run_another_program], 0),
        ([be_given_less], 1),
        ([be_given_less, lambda found: found[0].update(Image="sha256:newer")], 0),
        ([lose_an_alias, lambda found: found[0].update(Image="sha256:newer")], 1),
    ],
)
def test_later_on_a_deployment_is_no_leftover_and_what_a_fault_does_is(
    tmp_path: Path, what_people_did: list[Any], differences: int
) -> None:
    stack: Any = FakeStack(tmp_path)
    before = Fingerprint.of(stack)

    for change in what_people_did:
        stack.put(change)

    assert len(before.differences(Fingerprint.of(stack), later=True)) == differences
    assert before.differences(Fingerprint.of(stack))


@pytest.fixture
def process(tmp_path: Path) -> Path:
    """A process of id 7 as /proc shows it."""
    folder = tmp_path / "7"
    (folder / "root" / "faults").mkdir(parents=True)
    (folder / "environ").write_text("PATH=/bin\0FAKETIME_TIMESTAMP_FILE=/faults/clock\0")
    (folder / "root" / "faults" / "clock").write_text("+0\n")
    (folder / "timens_offsets").write_text("monotonic           0         0\nboottime            0         0\n")
    (folder / "mountinfo").write_text(
        "22 1 0:20 / / rw,relatime - overlay overlay rw,lowerdir=/a\n"
        "23 22 0:21 /x /data ro,nosuid master:7 - ext4 /dev/sda1 rw\n"
    )
    return tmp_path


def test_a_clock_is_shifted_by_its_namespace_or_by_a_file(process: Path) -> None:
    right = inside.clock(7, proc=process)
    (process / "7" / "root" / "faults" / "clock").write_text("+3600\n")
    (process / "7" / "timens_offsets").write_text("monotonic           0         0\nboottime        86400         0\n")

    assert right == {"FAKETIME_TIMESTAMP_FILE": "/faults/clock", "told": "+0"}
    assert inside.clock(7, proc=process) == {
        "FAKETIME_TIMESTAMP_FILE": "/faults/clock",
        "told": "+3600",
        "boottime": "86400 0",
    }


def test_a_mount_is_where_how_and_of_what_kind(process: Path) -> None:
    assert inside.mounted(7, proc=process) == ["/ rw,relatime overlay", "/data ro,nosuid ext4"]


def test_what_the_host_mounts_below_a_folder_that_follows_it_is_none_of_the_containers(process: Path) -> None:
    with (process / "7" / "mountinfo").open("a") as file:
        file.write("24 23 0:22 / /data/host/docker/netns/a rw master:7 - nsfs nsfs rw\n")

    assert inside.mounted(7, lent=("/data/",), proc=process) == ["/ rw,relatime overlay", "/data ro,nosuid ext4"]


def test_a_process_that_has_ended_cannot_be_looked_at(process: Path) -> None:
    with pytest.raises(CannotTell, match="mountinfo can't be read: No such file"):
        inside.mounted(8, proc=process)


def test_it_survives_the_journal(tmp_path: Path) -> None:
    before = Fingerprint.of(FakeStack(tmp_path))  # type: ignore[arg-type]

    assert Fingerprint.from_json(before.to_json()) == before
