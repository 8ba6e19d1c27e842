"""Each kind of leftover made with the machine's own tools on a real engine: the fingerprint sees it, and an honest restart it doesn't."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chaos.fingerprint import Fingerprint
from stack.model import Stack
from stack.waiting import eventually
from tests.chaos.small_here import small_or_skip

PROJECT = f"st-fingerprint-{os.getpid()}"
WEB, NETWORK = f"{PROJECT}-web-1", f"{PROJECT}_inside"


@pytest.fixture(scope="module")
def small() -> Iterator[Stack]:
    with small_or_skip(PROJECT, root=True) as stack:
        yield stack


def inside(*argv: str, of: str = "--net") -> str:
    kind = {"--net": "net", "--mount": "mnt"}[of]
    return f"nsenter {of}=/proc/$(docker inspect --format '{{{{.State.Pid}}}}' {WEB})/ns/{kind} -- {' '.join(argv)}"


LEFTOVERS = {
    "a rule": (
        inside("iptables", "-A", "INPUT", "-s", "192.0.2.1", "-j", "DROP"),
        inside("iptables", "-D", "INPUT", "-s", "192.0.2.1", "-j", "DROP"),
        ["web: rules: filter -A INPUT -s 192.0.2.1/32 -j DROP is there"],
    ),
    "a NAT rule": (
        inside("iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "REDIRECT"),
        inside("iptables", "-t", "nat", "-D", "OUTPUT", "-p", "tcp", "--dport", "9", "-j", "REDIRECT"),
        ["web: rules: nat -A OUTPUT -p tcp -m tcp --dport 9 -j REDIRECT is there"],
    ),
    "a mangling rule": (
        inside("iptables", "-t", "mangle", "-A", "OUTPUT", "-j", "MARK", "--set-mark", "7"),
        inside("iptables", "-t", "mangle", "-D", "OUTPUT", "-j", "MARK", "--set-mark", "7"),
        ["web: rules: mangle -A OUTPUT -j MARK --set-xmark 0x7/0xffffffff is there"],
    ),
    "a rule of IPv6": (
        inside("ip6tables", "-A", "INPUT", "-s", "2001:db8::1", "-j", "DROP"),
        inside("ip6tables", "-D", "INPUT", "-s", "2001:db8::1", "-j", "DROP"),
        ["web: rules6: filter -A INPUT -s 2001:db8::1/128 -j DROP is there"],
    ),
    "a queue": (
        inside(
            "tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1mbit", "burst", "32kbit", "latency", "400ms"
        ),
        inside("tc", "qdisc", "del", "dev", "eth0", "root"),
        ["web: queues: tbf"],
    ),
    "a mount": (
        inside("mount", "-t", "tmpfs", "left", "/mnt", of="--mount"),
        inside("umount", "/mnt", of="--mount"),
        ["web: mounted: /mnt rw,relatime tmpfs is there"],
    ),
    "a lost alias": (
        f"docker network disconnect {NETWORK} {WEB} && docker network connect --alias web --alias shop {NETWORK} {WEB}",
        (
            f"docker network disconnect {NETWORK} {WEB} && docker network connect --alias {WEB} --alias web --alias shop "
            f"--alias till --ip $(docker network inspect --format '{{{{(index .IPAM.Config 0).Subnet}}}}' {NETWORK} "
            f"| sed s,0/24,77,) {NETWORK} {WEB}"
        ),
        ["web: networks was"],
    ),
    "a frozen container": (
        f"docker pause {WEB}",
        f"docker unpause {WEB}",
        ["web: status was 'running', is 'paused'"],
    ),
    "a limit": (
        f"docker update --pids-limit 32 {WEB}",
        f"docker update --pids-limit 64 {WEB}",
        ["web: limits was", "web: limits in force was"],
    ),
    "a memory limit": (
        f"docker update --memory 48m --memory-swap 48m {WEB}",
        f"docker update --memory 64m --memory-swap 64m {WEB}",
        ["web: limits was", "web: limits in force was"],
    ),
    "a restart policy": (
        f"docker update --restart no {WEB}",
        f"docker update --restart unless-stopped {WEB}",
        ["web: restart was 'unless-stopped', is 'no'"],
    ),
    "a restart policy that is out of force": (
        f"docker kill --signal WINCH {WEB}",
        f"docker restart --time 0 {WEB}",
        ["web: restarts off was False, is True"],
    ),
    "a helper": (
        (
            f"docker run --detach --rm --label seatrial.helper={PROJECT} --name {PROJECT}-left --entrypoint timeout "
            "seatrial/faultbox:local 60 sleep 60"
        ),
        f"docker rm --force {PROJECT}-left",
        [f"helper container {PROJECT}-left is left"],
    ),
}


@pytest.mark.parametrize("kind", LEFTOVERS)
def test_a_leftover_is_seen_and_its_going_too(small: Stack, kind: str) -> None:
    leave, undo, expected = LEFTOVERS[kind]
    before = Fingerprint.of(small)

    run(leave)
    try:
        # What the engine was asked for it may show a moment later.
        eventually(
            lambda: before.differences(Fingerprint.of(small)),
            within=timedelta(seconds=10),
            every=timedelta(milliseconds=50),
        )
        seen = before.differences(Fingerprint.of(small))
    finally:
        run(undo)

    starts = [next((line for line in seen if line.startswith(one)), None) for one in expected]
    assert all(starts), seen
    assert not [line for line in seen if line not in starts and "health" not in line]
    eventually(
        lambda: before.differences(Fingerprint.of(small)) == [],
        within=timedelta(seconds=20),
        every=timedelta(milliseconds=100),
        what="the fingerprint without the leftover",
    )


def test_restarts_and_replacements_leave_it_equal(small: Stack) -> None:
    before = Fingerprint.of(small)

    run(f"docker restart --time 1 {WEB} {PROJECT}-client-1 {PROJECT}-edge-1 {PROJECT}-store-1")
    run(f"docker rm --force {PROJECT}-client-1")
    small.driver.compose("up", "--detach", "--wait")

    eventually(
        lambda: before.differences(Fingerprint.of(small)) == [],
        within=timedelta(seconds=30),
        every=timedelta(milliseconds=200),
        what=f"the same fingerprint: {before.differences(Fingerprint.of(small))}",
    )


def test_it_is_cheap(small: Stack) -> None:
    def seconds() -> float:
        began = time.monotonic()
        Fingerprint.of(small)
        return time.monotonic() - began

    took = [seconds() for _ in range(5)]

    print(f"{statistics.median(took):.3f} s for four containers")
    assert min(took) < 1


def run(command: str) -> None:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=Path("/"))
    assert done.returncode == 0, f"{command}: {done.stderr}"
