"""What set-up costs: nothing when all is there, and a bounded time on a machine that has neither images nor a registry."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from stack.engine import find_engine
from stack.waiting import eventually
from tests.benchmarks.figure import ROOT, NotMeasured, figure

# A cold build keeps both cores busy for minutes, so it is asked for by name.
COLD = "SEATRIAL_BENCH_COLD"
_BRIDGE, _NETWORK, _GATEWAY = "st-cold0", "10.213.0.0/24", "10.213.0.1/24"


@figure("Set-up when all is there (venv, engine, images)", unit="s", at_most=2)
def warm_set_up() -> Sequence[float]:
    """Wall time of `python3 -m stack.bootstrap prepare` after one that did the work."""
    command = [sys.executable, "-m", "stack.bootstrap", "prepare", "--without", "grafana"]
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        if subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode:
            raise NotMeasured("set-up does not succeed here")
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


@figure("Cold set-up of all images without any registry", unit="s", at_most=900)
def cold_images() -> Sequence[float]:
    """Wall time of obtaining every image on an engine of its own that has nothing, not even caches."""
    if not os.environ.get(COLD):
        raise NotMeasured(f"takes both cores for minutes: set {COLD}=1")
    if os.geteuid() != 0 or find_engine() is None:
        raise NotMeasured("needs root and a local engine")
    with _engine_of_its_own() as host:
        began = time.perf_counter()
        command = [sys.executable, "-m", "stack.images"]
        ended = subprocess.run(command, cwd=ROOT, env={**os.environ, "DOCKER_HOST": host}, check=False)
        if ended.returncode:
            raise NotMeasured(f"obtaining the images ended with code {ended.returncode}")
        return [time.perf_counter() - began]


@contextlib.contextmanager
def _engine_of_its_own() -> Iterator[str]:
    """Run a second engine beside the first: its own data, socket and bridge, and nothing left of it afterwards.

    It writes no firewall rules: those of the first would be in its way, so the two that a build needs are made here.
    """
    folder = Path(tempfile.mkdtemp(prefix="seatrial-cold-", dir="/var/tmp"))
    socket = f"unix://{folder}/docker.sock"
    rules = (
        ("nat", "POSTROUTING", "-s", _NETWORK, "!", "-o", _BRIDGE, "-j", "MASQUERADE"),
        ("filter", "FORWARD", "-i", _BRIDGE, "-j", "ACCEPT"),
        ("filter", "FORWARD", "-o", _BRIDGE, "-j", "ACCEPT"),
    )
    command = ["dockerd", "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec", "--config-file", "/dev/null"]
    command += ["--pidfile", f"{folder}/pid", "--host", socket, "--bridge", _BRIDGE, "--iptables=false", "--ip-masq=false"]
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        _must("ip", "link", "add", _BRIDGE, "type", "bridge")
        undo.callback(_must, "ip", "link", "del", _BRIDGE)
        _must("ip", "addr", "add", _GATEWAY, "dev", _BRIDGE)
        _must("ip", "link", "set", _BRIDGE, "up")
        for table, chain, *rest in rules:
            _must("iptables", "-w", "-t", table, "-I", chain, *rest)
            undo.callback(_must, "iptables", "-w", "-t", table, "-D", chain, *rest)
        (folder / "daemon.json").write_text("{}", encoding="utf-8")
        command[command.index("/dev/null")] = str(folder / "daemon.json")
        with (folder / "log").open("w") as log:
            engine = subprocess.Popen(command, stdout=log, stderr=log)
        undo.callback(engine.wait, 60)
        undo.callback(engine.terminate)
        eventually(
            lambda: subprocess.run(["docker", "-H", socket, "info"], capture_output=True, check=False).returncode == 0,
            within=timedelta(seconds=30),
            every=timedelta(seconds=0.3),
            what="the cold engine",
        )
        yield socket


def _must(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
