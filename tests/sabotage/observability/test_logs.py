"""OBS-LOG-001 and 002 find a shipper or a store that loses lines, now or when it is killed, and nothing wrong with sound ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from chaos.runner import Runner
from stack.clients.http import Refused
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.project import environment
from stack.waiting import eventually
from suites.check import Evidence
from suites.observability.shipping import services, ship
from suites.observability.test_log_loss import test_no_line_is_lost_when_a_link_is_killed as the_loss_check
from suites.observability.test_logs import test_a_line_is_found_with_its_labels as the_check

HERE = Path(__file__).parent
CONFIG = Path(__file__).parents[3] / "stack" / "config"
SHIPPER, STORE = CONFIG / "promtail" / "promtail.yaml", CONFIG / "loki" / "loki.yaml"
IMAGES = ("python", "loki", "promtail", "engine-api-proxy")


_Change = Callable[[dict[str, Any]], None]


def changed(file: Path, folder: Path, change: _Change | None) -> str:
    """A folder with a copy of a configuration after `change`, which the container's user can read."""
    config = yaml.safe_load(file.read_text())
    if change:
        change(config)
    copy = folder / file.stem
    copy.mkdir()
    (copy / file.name).write_text(yaml.safe_dump(config))
    for path in (copy, *list(copy.parents)[:3]):
        path.chmod(path.stat().st_mode | 0o055)
    return str(copy)


@contextmanager
def running(folder: Path, *, shipper: _Change | None = None, store: _Change | None = None) -> Iterator[Stack]:
    """The small stack with the reference's configuration of both, changed; removed afterwards."""
    places = {"SABOTAGE_PROMTAIL": changed(SHIPPER, folder, shipper), "SABOTAGE_LOKI": changed(STORE, folder, store)}
    engine = {name: value for name, value in environment().items() if name.startswith("SEATRIAL_ENGINE")}
    env = {**places, "SEATRIAL_STATE_DIR": str(folder / "state"), **engine}
    stack = Stack.load([HERE / "compose.yaml"], profile=HERE / "profile.toml", env=env)
    try:
        driver = Driver.connect(stack.project, stack.compose_files, env=env)
        for image in IMAGES:
            driver.image(f"seatrial/{image}:local")
    except CannotTell as reason:
        pytest.skip(f"needs a Docker engine and built images: {reason}")
    try:
        driver.compose("up", "--detach")
        eventually(lambda: ships(stack), within=timedelta(seconds=60), every=timedelta(seconds=1), what="a first line")
        yield stack
    finally:
        Runner.of(stack).close()
        driver.compose("down", "--volumes", "--timeout", "0")


def ships(stack: Stack) -> bool:
    try:
        return ship(stack, ["safe"], within=timedelta(seconds=1))["safe"].found_seconds is not None
    except Refused:  # the store says 503 while it starts
        return False


def outcomes(stack: Stack) -> dict[str, str]:
    names = [service.name for service in services(stack)]
    lines = ship(stack, names, within=timedelta(seconds=5))
    found = {}
    for name in names:
        try:
            the_check(stack, stack.service(name), lines, Evidence())
            found[name] = "PASS"
        except AssertionError as error:
            found[name] = str(error).partition("\n")[0]
    return found


def test_a_sound_way_loses_nothing_not_even_when_a_link_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        assert outcomes(stack) == {"till": "PASS", "safe": "PASS"}
        for link in ("promtail", "loki"):
            the_loss_check(stack, link, Evidence())


def stage(content: dict[str, Any]) -> _Change:
    def change(config: dict[str, Any]) -> None:
        config["scrape_configs"][0]["pipeline_stages"].append(content)

    return change


def test_a_shipper_that_drops_a_services_lines_is_found(tmp_path: Path) -> None:
    drops = stage({"match": {"selector": '{service="till"}', "action": "drop"}})
    with running(tmp_path, shipper=drops) as stack:
        assert outcomes(stack) == {"till": "till: a line it logged was not in the store 10 s later", "safe": "PASS"}


LOSS = r"{} was killed: \d+ of \d+ lines of (till|safe) are not in the store"


def test_a_shipper_that_forgets_what_was_said_while_it_was_away_is_found(tmp_path: Path) -> None:
    # Less than a restart takes, and far more than a line needs that is read as it is written.
    late = stage({"drop": {"older_than": "300ms"}})
    with running(tmp_path, shipper=late) as stack, pytest.raises(AssertionError, match=LOSS.format("promtail")):
        the_loss_check(stack, "promtail", Evidence())


def test_a_store_that_keeps_in_memory_what_it_has_accepted_is_found(tmp_path: Path) -> None:
    def forgets(config: dict[str, Any]) -> None:
        config["ingester"]["wal"]["enabled"] = False

    with running(tmp_path, store=forgets) as stack, pytest.raises(AssertionError, match=LOSS.format("loki")):
        the_loss_check(stack, "loki", Evidence())
