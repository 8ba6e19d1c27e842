"""What stands in the way of a bring-up is said in one sentence, and a failed or interrupted one leaves nothing behind."""

from __future__ import annotations

import shutil
import signal
from collections import namedtuple
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stack import lifecycle
from stack.errors import CannotTell, NoEngine, SeatrialError, UserError
from stack.interruption import Terminated
from stack.progress import Progress

QUIET = Progress(quiet=True)
Usage = namedtuple("Usage", "total used free")


@dataclass
class FakeDriver:
    """The engine as far as lifecycle asks it; `health` is what each started service becomes."""

    project: str = "st-test"
    env: dict[str, str] = field(default_factory=dict)
    compose_files: tuple[Path, ...] = (lifecycle.COMPOSE_FILE,)
    profiles: tuple[str, ...] = ()
    health: dict[str, str] = field(default_factory=dict)
    fails_at: str = ""
    error: BaseException = field(default_factory=lambda: CannotTell("the engine went away"))
    asked: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    helpers_gone_after: list[list[str]] = field(default_factory=list)
    """What compose had been asked whenever helpers were removed."""

    def rendered(self) -> dict[str, Any]:
        return {"services": {name: {"image": f"seatrial/{name}:local", "volumes": []} for name in ("nginx", "loki")}}

    def compose(self, *args: str, **_: Any) -> None:
        self.asked.append(" ".join(args))
        if self.fails_at and self.asked[-1].startswith(self.fails_at):
            raise self.error
        if args[:2] == ("up", "--detach"):
            self.started = [name for name in ("nginx", "loki") if name in args]
        if args[0] == "down":
            self.started = []

    def containers(self, *, all: bool = False) -> list[dict[str, Any]]:
        return [
            {
                "Id": name,
                "Name": f"/{name}",
                "Config": {"Labels": {"com.docker.compose.service": name}},
                "State": state_of(self.health.get(name, "healthy")),
            }
            for name in self.started
        ]

    def container_ids(self, service: str, all: bool = False) -> list[str]:
        return []

    def logs(self, container_id: str, **_: Any) -> str:
        return "starting\nbind: permission denied\n"

    def volumes(self) -> list[dict[str, Any]]:
        return []

    def remove_helpers(self) -> list[str]:
        self.helpers_gone_after.append(list(self.asked))
        return []

    def is_local(self) -> bool:
        return True

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": "/"}

    def image(self, ref: str) -> dict[str, Any]:
        return {"Id": f"sha256:{ref}"}


def state_of(health: str) -> dict[str, Any]:
    if health in {"exited", "created"}:
        return {"Status": health}
    return {"Status": "running", "Health": {"Status": health, "FailingStreak": 3, "Log": []}}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDriver:
    """A fake engine; keys, volumes and firewall are others' tests."""
    fake = FakeDriver(env={"SEATRIAL_STATE_DIR": str(tmp_path)})
    monkeypatch.setattr(lifecycle, "_driver", lambda *_: fake)
    monkeypatch.setattr(lifecycle, "every_profile", lambda driver: driver)
    monkeypatch.setattr(lifecycle, "state_dir", lambda project: tmp_path)
    monkeypatch.setattr(lifecycle.host_ports, "require_free", lambda *_: None)
    monkeypatch.setattr(lifecycle, "_prepare", lambda *_: dict.fromkeys(lifecycle.secrets.NAMES, "x"))
    monkeypatch.setattr(lifecycle.volumes, "ready", lambda *_, **__: None)
    monkeypatch.setattr(lifecycle.firewall, "apply", lambda project: 0)
    monkeypatch.setattr(lifecycle.firewall, "remove", lambda project: 0)
    monkeypatch.setattr(lifecycle.firewall, "status", lambda project: {"iptables": ["DOCKER-USER …"], "ip6tables": []})
    return fake


def up(**more: Any) -> None:
    lifecycle.up("st-test", progress=QUIET, build=False, **more)


def test_it_comes_up_and_is_then_unchanged(engine: FakeDriver) -> None:
    up()

    assert engine.started == ["nginx", "loki"]
    assert lifecycle.is_unchanged("st-test")


def test_a_part_of_the_stack_is_not_the_stack_unchanged(engine: FakeDriver) -> None:
    up(services=["nginx"])

    assert not lifecycle.is_unchanged("st-test")
    assert lifecycle.is_unchanged("st-test", without=["loki"])


def test_a_stack_with_a_sick_service_is_not_unchanged(engine: FakeDriver) -> None:
    up()
    engine.health["loki"] = "unhealthy"

    assert not lifecycle.is_unchanged("st-test")


def test_a_stack_that_came_back_without_its_firewall_is_not_unchanged(
    engine: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    up()
    monkeypatch.setattr(lifecycle.firewall, "status", lambda project: {"iptables": [], "ip6tables": []})

    assert not lifecycle.is_unchanged("st-test")


def test_who_may_not_look_at_the_firewall_judges_by_the_rest(
    engine: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(project: str) -> None:
        raise CannotTell("only root may")

    up()
    monkeypatch.setattr(lifecycle.firewall, "status", refused)

    assert lifecycle.is_unchanged("st-test")


def test_another_image_is_a_change(engine: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    up()
    monkeypatch.setattr(engine, "image", lambda ref: {"Id": "sha256:another"}, raising=False)

    assert not lifecycle.is_unchanged("st-test")


def test_what_is_left_out_is_not_started(engine: FakeDriver) -> None:
    up(without=["loki"])

    assert engine.started == ["nginx"]


@pytest.mark.parametrize("argument", ["without", "services"])
def test_an_unknown_service_is_named_with_those_there_are(engine: FakeDriver, argument: str) -> None:
    with pytest.raises(UserError, match="unknown service lokki: the compose files have loki, nginx"):
        up(**{argument: ["lokki"]})


def test_a_disk_that_is_nearly_full_is_said_before_anything_starts(
    engine: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(10**12, 10**12, 10**8))

    with pytest.raises(UserError, match="the disk under / is nearly full: 0.1 GiB free, 2 needed"):
        up()

    assert not [asked for asked in engine.asked if asked.startswith("up")]


def test_a_missing_compose_file_is_named() -> None:
    with pytest.raises(UserError, match=r"the compose file /nowhere/compose\.yaml does not exist"):
        lifecycle.up("st-test", overlays=[Path("/nowhere/compose.yaml")], progress=QUIET)


def test_a_service_that_gives_up_is_told_with_its_last_words(engine: FakeDriver) -> None:
    engine.health["loki"] = "exited"

    with pytest.raises(SeatrialError, match="loki did not become healthy: it exited, and last said: bind: permission denied"):
        up()

    assert engine.asked[-1].startswith("down")


@pytest.mark.parametrize("error", [NoEngine("no engine"), KeyboardInterrupt(), Terminated(), CannotTell("cut off")])
@pytest.mark.parametrize("step", ["up --no-start", "up --detach"])
def test_a_bring_up_cut_short_at_any_step_leaves_nothing(engine: FakeDriver, step: str, error: BaseException) -> None:
    engine.fails_at, engine.error = step, error

    with pytest.raises(type(error)):
        up()

    assert engine.started == []
    assert engine.asked[-1].startswith("down --remove-orphans --volumes")


def test_helpers_are_removed_before_the_networks_they_sit_in(engine: FakeDriver) -> None:
    """compose leaves a network behind in which a killed run's helper still is, and says nothing of it."""
    up()
    engine.asked.clear()
    engine.helpers_gone_after.clear()

    lifecycle.down("st-test", progress=QUIET)

    assert engine.asked[0].startswith("down")
    assert engine.helpers_gone_after == [[]]


def test_a_stack_that_ran_before_is_not_taken_down_by_a_failed_bring_up(engine: FakeDriver) -> None:
    engine.started = ["nginx"]
    engine.fails_at = "up --detach"

    with pytest.raises(CannotTell):
        up()

    assert engine.started == ["nginx"]


def test_the_first_error_is_told_also_when_the_engine_is_gone_for_the_clean_up(engine: FakeDriver) -> None:
    def gone(*args: str, **_: Any) -> None:
        raise NoEngine("starting: the Docker engine does not answer" if args[0] == "up" else "no engine")

    engine.compose = gone  # type: ignore[method-assign]

    with pytest.raises(NoEngine, match="starting: the Docker engine does not answer"):
        up()


def test_sigterm_during_the_bring_up_unwinds_it(engine: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "await_health", lambda *_: signal.raise_signal(signal.SIGTERM))

    with pytest.raises(Terminated):
        up()

    assert engine.started == []


def test_the_signal_handler_is_put_back(engine: FakeDriver) -> None:
    before = signal.getsignal(signal.SIGTERM)

    up()

    assert signal.getsignal(signal.SIGTERM) is before
