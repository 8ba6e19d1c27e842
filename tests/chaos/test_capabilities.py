"""What a machine lacks is said with its reason and with what is done instead, by name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaos import __main__ as command
from chaos import capabilities
from chaos.capabilities import PROBES, Capability, lines, require
from stack.completed import Completed
from stack.errors import CannotTell


def driver(*, local: bool = True, version: str = "2", helper: Completed | CannotTell | None = None) -> Any:
    """An engine as the probes ask it."""

    def run_helper(_argv: list[str], **_options: Any) -> Completed:
        if isinstance(helper, CannotTell):
            raise helper
        return helper or Completed(("date",), 0, "2000\n", "", 0.1)

    return SimpleNamespace(
        is_local=lambda: local,
        endpoint="ssh://elsewhere",
        info=lambda: {"CgroupVersion": version},
        run_helper=run_helper,
    )


NO_IMAGE = CannotTell("No such image: seatrial/faultbox:local")


def test_a_machine_that_has_all_needs_nothing_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda tool: f"/usr/sbin/{tool}")
    monkeypatch.setattr(Path, "exists", lambda _path: True)
    monkeypatch.setattr(capabilities, "_netem_by_endpoint", {})

    said = lines(driver())

    assert len(said) == len(PROBES)
    assert all(line.split("  ")[-1] for line in said)
    assert not any(" no " in line[:24] for line in said), said


@pytest.mark.parametrize(
    ("probe", "asked", "says"),
    [
        (capabilities.local_engine, driver(local=False), "the engine is elsewhere (ssh://elsewhere)"),
        (capabilities.cgroup_version, driver(version=""), "the engine names no version of control groups"),
        (capabilities.net_admin, driver(helper=NO_IMAGE), "no helper container can be had (No such image"),
        (
            capabilities.net_admin,
            driver(helper=Completed(("iptables",), 4, "", "Permission denied (you must be root)\n", 0.1)),
            "a helper may not read packet rules (Permission denied (you must be root))",
        ),
        (capabilities.loop_devices, driver(local=False), "the engine is elsewhere, and so are its disks"),
        (capabilities.libfaketime, driver(helper=NO_IMAGE), "no helper container can be had (No such image"),
        (
            capabilities.libfaketime,
            driver(helper=Completed(("faketime",), 0, "2026\n", "", 0.1)),
            "it has no effect (2026)",
        ),
    ],
)
def test_what_is_missing_is_said_with_the_reason_and_the_other_way(probe: Any, asked: Any, says: str) -> None:
    seen = probe(asked)

    assert not seen.present
    assert says in seen.seen
    assert seen.otherwise


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"uid": 1000}, "only root mounts disks"),
        ({"tools": ()}, "this machine has no losetup"),
        ({"control": False}, "the kernel offers no loop devices"),
    ],
)
def test_without_loop_devices_it_is_said_which_part_is_missing(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], says: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: change.get("uid", 0))
    monkeypatch.setattr("shutil.which", lambda tool: None if "tools" in change else f"/usr/sbin/{tool}")
    monkeypatch.setattr(Path, "exists", lambda _path: change.get("control", True))

    seen = capabilities.loop_devices(driver())

    assert not seen.present
    assert says in seen.seen
    assert "DiskFull is INCONCLUSIVE" in seen.otherwise


def test_what_needs_it_can_not_tell_without_it() -> None:
    missing = Capability("loop devices", False, "only root mounts disks", "DiskFull is INCONCLUSIVE")

    with pytest.raises(CannotTell, match="a full disk: only root mounts disks; DiskFull is INCONCLUSIVE"):
        require(missing, "a full disk")

    require(Capability("loop devices", True, "files can be mounted as disks", ""), "a full disk")


def test_the_command_shows_every_capability(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        command, "_stack", lambda _options: SimpleNamespace(driver=driver(local=False, helper=NO_IMAGE))
    )
    monkeypatch.setattr(capabilities, "_netem_by_endpoint", {})

    assert command.main(["capabilities"]) == 0

    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(PROBES)
    assert any(line.startswith("loop devices    no ") for line in said)
