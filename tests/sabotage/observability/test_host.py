"""OBS-SYS-001 finds a node_exporter that measures its container's network, and nothing wrong with the reference's."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import requests

from stack.driver import Driver
from stack.model import Stack
from stack.waiting import eventually
from suites.check import Evidence
from suites.observability.test_host import test_host_metrics_agree_with_the_host as the_check

COMPOSE = Path(__file__).with_name("host.yaml")


def test_the_references_exporter_passes(reference: Stack) -> None:
    the_check(reference, reference.service("node-exporter"), Evidence())


def test_an_exporter_of_its_own_network_is_found() -> None:
    stack = Stack.load([COMPOSE])
    driver = Driver.connect(stack.project, stack.compose_files)
    try:
        driver.compose("up", "--detach")
        eventually(answers, within=timedelta(seconds=30), every=timedelta(milliseconds=200), what="the exporter")

        with pytest.raises(AssertionError, match="node-exporter: .*(node_network_|the host's way out)"):
            the_check(stack, stack.service("node-exporter"), Evidence())
    finally:
        driver.compose("down", "--timeout", "0")


def answers() -> bool:
    try:
        return requests.get("http://127.0.0.1:27101/metrics", timeout=5).ok
    except requests.ConnectionError:
        return False
