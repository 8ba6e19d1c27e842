"""OBS-LOG-001 finds a shipper that drops one service's lines, and nothing wrong with a sound one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from stack.clients.http import Refused
from stack.driver import Driver
from stack.errors import CannotTell
from stack.model import Stack
from stack.project import environment
from stack.waiting import eventually
from suites.check import Evidence
from suites.observability.shipping import services, ship
from suites.observability.test_logs import test_a_line_is_found_with_its_labels as the_check

HERE = Path(__file__).parent
SHIPPER = Path(__file__).parents[3] / "stack" / "config" / "promtail"
IMAGES = ("python", "loki", "promtail", "engine-api-proxy")


@contextmanager
def running(shipper: Path) -> Iterator[Stack]:
    engine = {name: value for name, value in environment().items() if name.startswith("SEATRIAL_ENGINE")}
    env = {"SABOTAGE_PROMTAIL": str(shipper), **engine}
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


def test_a_sound_shipper_passes() -> None:
    with running(SHIPPER) as stack:
        assert outcomes(stack) == {"till": "PASS", "safe": "PASS"}


def test_a_shipper_that_drops_a_services_lines_is_found(tmp_path: Path) -> None:
    shutil.copytree(SHIPPER, tmp_path / "promtail")
    file = tmp_path / "promtail" / "promtail.yaml"
    config = yaml.safe_load(file.read_text())
    config["scrape_configs"][0]["pipeline_stages"].append({"match": {"selector": '{service="till"}', "action": "drop"}})
    file.write_text(yaml.safe_dump(config))
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)  # the shipper's user reads it

    with running(tmp_path / "promtail") as stack:
        assert outcomes(stack) == {"till": "till: a line it logged was not in the store 10 s later", "safe": "PASS"}
