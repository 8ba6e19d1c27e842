"""The server as a process of its own: what signals, two colours and restarts are tried on."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import requests

from stack.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
KEY = "a passphrase with spaces and a ' quote"


@dataclass
class Colour:
    """One server process."""

    folder: Path
    name: str
    port: int = field(default_factory=lambda: _free_port())
    settings: Mapping[str, str] = field(default_factory=dict)
    program: str = "marketplace_server"
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.launch()
        eventually(
            self._is_ready, within=timedelta(seconds=60), every=timedelta(seconds=0.05), what=f"{self.name} ready"
        )

    def launch(self) -> None:
        """Start it, whatever becomes of it; what it says is in its log."""
        for name, value in (("key", KEY), ("session", "0123456789abcdef")):
            (self.folder / name).write_text(value)
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT / 'stack/images/server'}:{ROOT}",
            "SEATRIAL_DATABASE": str(self.folder / "market.db"),
            "DATABASE_PASSWORD_FILE": str(self.folder / "key"),
            "SESSION_SECRET_FILE": str(self.folder / "session"),
            "SEATRIAL_COLOUR": self.name,
            "SEATRIAL_PORT": str(self.port),
            "SEATRIAL_DRAIN_SECONDS": "0.1",
            **self.settings,
        }
        with (self.folder / f"{self.name}.log").open("ab") as log:
            argv = [sys.executable, "-m", self.program]
            self.process = subprocess.Popen(argv, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    folder: Path, *names: str, settings: Mapping[str, str] | None = None, program: str = "marketplace_server"
) -> Iterator[list[Colour]]:
    """Run colours on one database; `settings` are further environment variables, `program` the module that is run."""
    colours = [Colour(folder, name, settings=settings or {}, program=program) for name in names]
    starters = [threading.Thread(target=colour.start) for colour in colours]
    for starter in starters:  # both at once: they migrate an empty file together
        starter.start()
    for starter in starters:
        starter.join()
    try:
        yield colours
    finally:
        for colour in colours:
            if colour.process and colour.process.poll() is None:
                colour.end(signal.SIGKILL)
