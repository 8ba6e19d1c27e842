"""Why: exposure is only proved from outside, so the outside must be real, be gone afterwards and never send a packet off the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from stack import vantage
from stack.errors import CannotTell
from stack.iproute import ip_json, is_virtual_bridge
from stack.namespaces import Target
from stack.vantage import HOST, Outside

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
PROJECT = "st-security-vantage"


def ours() -> list[str]:
    """Everything of a vantage that stands on the host right now."""
    links = [
        str(link["ifname"]) for link in ip_json("link") if str(link["ifname"]).startswith(vantage.INTERFACE_PREFIX)
    ]
    rules = [str(rule) for rule in ip_json("rule") if str(rule.get("iif", "")).startswith(vantage.INTERFACE_PREFIX)]
    return links + rules + [path.name for path in vantage.NAMED.glob(f"{vantage.PREFIX}*{vantage.SUFFIX}")]


@needs_root
def test_leftovers_of_a_killed_run_are_healed_by_the_next() -> None:
    script = "import os\nfrom stack.vantage import Outside\nOutside('st-security-killed').__enter__()\nos.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": "."}, check=False)
    left = ours()

    with Outside("st-security-heals"):
        healed = [name for name in ours() if "killed" in name]

    assert killed.returncode == -9
    assert left
    assert not healed
    assert not ours()


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    with Outside(PROJECT) as there:
        yield there


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("0.0.0.0", 0)) as opened:
        yield opened


@needs_root
def test_tells_open_from_refused(outside: Outside, listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    seen = outside.probe([Target(address, port) for address in outside.host_addresses if ":" not in address])

    assert set(seen.values()) == {"open"}


@needs_root
def test_a_loopback_listener_is_not_reached(outside: Outside) -> None:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        assert outside.connect(HOST, opened.getsockname()[1]) == "refused"


@needs_root
def test_clients_have_the_source_address_they_chose(outside: Outside, listener: socket.socket) -> None:
    port = listener.getsockname()[1]

    with outside.dial(HOST, port, source=outside.sources(5)[4]), listener.accept()[0] as accepted:
        seen = accepted.getpeername()[0]

    assert seen == "198.51.100.24"


@needs_root
def test_an_address_elsewhere_is_never_tried(outside: Outside) -> None:
    for elsewhere in ("192.0.2.250", "100.64.9.9", "2001:db8:ffff::1"):
        with pytest.raises(CannotTell, match="is not on this machine"):
            outside.connect(elsewhere, 80)


@needs_root
def test_processes_inside_have_no_way_out(outside: Outside) -> None:
    done = outside.run(["ip", "route", "get", "100.64.9.9"])

    assert done.code != 0


@needs_root
def test_a_second_outside_waits_and_then_says_who_has_it(outside: Outside) -> None:
    with pytest.raises(CannotTell, match=PROJECT), Outside("st-security-other", patience=timedelta(seconds=0.2)):
        pass


def test_a_bridge_with_a_physical_port_is_not_this_machine(tmp_path: Path) -> None:
    (tmp_path / "br0" / "brif" / "eth0").mkdir(parents=True)
    (tmp_path / "eth0" / "device").mkdir(parents=True)
    (tmp_path / "br1" / "brif" / "veth1").mkdir(parents=True)

    assert not is_virtual_bridge("br0", tmp_path)
    assert is_virtual_bridge("br1", tmp_path)
    assert not is_virtual_bridge("eth0", tmp_path)


@needs_root
def test_what_leaves_the_host_is_heard_with_its_source(outside: Outside) -> None:
    with outside.arrivals() as arrived, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", (vantage.EGRESS_SINK, 20_123))
        heard = arrived(0.5)

    assert (HOST, 20_123) in heard
