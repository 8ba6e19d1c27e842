"""The exporter beside real wallet RPCs: what it says is what they answer, and of one that can't answer it says nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from exporter.collector import make_registry
from exporter.config import Config, Endpoint
from stack.model import Stack
from stack.waiting import eventually
from suites.observability.exposition import Exposition, scrape
from suites.observability.test_metric_names import linted, untyped
from tests.integration.escrow_stack import copy_of

NAMES = ("buyer", "vendor", "arbiter")
SERVICES = ("monerod", *(f"monero-wallet-rpc-{name}" for name in NAMES), "monero-exporter")
GAUGES = ("balance_piconero", "unlocked_balance_piconero", "num_unspent_outputs", "height")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with copy_of(f"st-exporter-{os.getpid()}", 5000, SERVICES) as brought_up:
        yield brought_up


def _live(stack: Stack) -> Exposition:
    """What the exporter's own container says now."""
    ports = stack.container("monero-exporter").attrs["NetworkSettings"]["Ports"]
    return scrape(f"http://127.0.0.1:{ports['9101/tcp'][0]['HostPort']}/metrics")


def _of(shown: Exposition, wallet: str) -> dict[str, float]:
    """A wallet's gauges."""
    return {
        sample.name.removeprefix("monero_wallet_"): sample.value
        for family in shown.families
        if family.type == "gauge"
        for sample in family.samples
        if sample.labels.get("wallet_name") == wallet
    }


@contextmanager
def _without(stack: Stack, service: str) -> Iterator[None]:
    """Kill a service for the length of a block; it answers again afterwards."""
    (container_id,) = stack.driver.container_ids(service)
    stack.driver.kill(container_id)
    try:
        yield
    finally:
        stack.driver.start(container_id)
        eventually(
            lambda: all(_of(_live(stack), name).get("up") == 1 for name in NAMES),
            within=timedelta(seconds=60),
            every=timedelta(milliseconds=500),
            what="every wallet is up again",
        )


@pytest.mark.parametrize("name", NAMES)
def test_values_stand_side_by_side_with_the_wallet_s_own(stack: Stack, name: str) -> None:
    rpc = stack.wallet(name)
    said = rpc.call("get_balance", account_index=0, all_accounts=True)
    outputs = [entry["num_unspent_outputs"] for entry in said["per_subaddress"]]

    shown = _of(_live(stack), name)

    # Nothing mines on this stack, so what was asked a moment ago still holds.
    assert {key: shown[key] for key in GAUGES} == {
        "balance_piconero": said["balance"],
        "unlocked_balance_piconero": said["unlocked_balance"],
        "num_unspent_outputs": sum(outputs),
        "height": rpc.height(),
    }
    assert sum(outputs) > 0, "an empty wallet would agree with anything"
    assert "num_unspent_outputs" not in said, "it would be simpler to take it from there"
    assert shown["up"] == 1


def test_the_live_output_passes_promtool(stack: Stack) -> None:
    shown = _live(stack)

    assert len(shown.families) > 12
    assert linted(stack, shown) + untyped(shown) == []


def test_the_daemon_s_height_and_the_wallets_lag_are_told(stack: Stack) -> None:
    shown = _live(stack)

    (height,) = shown.samples("monero_daemon_height").values()
    assert all(_of(shown, name)["lag_blocks"] == max(0, height - _of(shown, name)["height"]) for name in NAMES)


def test_a_dead_wallet_is_down_at_once_without_a_stale_value(stack: Stack) -> None:
    assert _of(_live(stack), "vendor")["up"] == 1

    with _without(stack, "monero-wallet-rpc-vendor"):
        shown = _live(stack)

    assert _of(shown, "vendor") == {"up": 0}
    assert [_of(shown, name)["up"] for name in ("buyer", "arbiter")] == [1, 1]
    assert shown.total("monero_wallet_rpc_errors_total", method="get_balance") >= 1


def test_without_a_daemon_it_has_no_height_and_nobody_a_lag(stack: Stack) -> None:
    with _without(stack, "monerod"):
        shown = _live(stack)

    assert shown.samples("monero_daemon_up") == {frozenset(): 0}
    assert not shown.samples("monero_daemon_height")
    assert all("lag_blocks" not in _of(shown, name) for name in NAMES)


def test_a_wrong_password_is_down_and_the_others_are_not(stack: Stack) -> None:
    endpoints = tuple(
        Endpoint(
            name=name,
            url=stack.wallet(name).url,
            username="seatrial",
            password="not this one" if name == "buyer" else stack.secret(f"WALLET_{name.upper()}_RPC_PASSWORD"),
        )
        for name in NAMES
    )
    registry, collector = make_registry(Config(wallets=endpoints, timeout_seconds=3))
    try:
        shown = Exposition(generate_latest(registry).decode(), 0.0)
    finally:
        collector.close()

    assert _of(shown, "buyer") == {"up": 0}
    assert [_of(shown, name)["up"] for name in ("vendor", "arbiter")] == [1, 1]
    assert shown.total("monero_wallet_rpc_calls_total", method="get_balance", status="error") == 1
    assert "not this one" not in shown.text


def test_a_wallet_that_is_closed_is_down_until_it_is_open_again(stack: Stack) -> None:
    stack.wallet("arbiter").call("close_wallet")

    shown = _live(stack)
    (container_id,) = stack.driver.container_ids("monero-wallet-rpc-arbiter")
    stack.driver.restart(container_id)  # opens it again, as it does at every start

    assert _of(shown, "arbiter") == {"up": 0}
    eventually(
        lambda: _of(_live(stack), "arbiter").get("up") == 1,
        within=timedelta(seconds=60),
        every=timedelta(milliseconds=500),
        what="the wallet is up again",
    )
