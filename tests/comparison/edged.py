"""Seatrial's TLS checks and testssl.sh, each as a process, on the same edges on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from stack.completed import complete
from stack.driver import Driver
from stack.errors import UserError
from tests.comparison import certificates
from tests.comparison.composed import failures, seatrial
from tests.comparison.judged import TRUTH, Judged, Said, judged

COMPOSE = Path(__file__).with_name("edges") / "compose.yaml"
PORTS = {"edge-modern": (8443, 443), "edge-tls12": (8444, 444), "edge-weak": (8445, 445)}
# What testssl.sh itself calls more than information.
ISSUES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
CHECKS = ("test_tls.py", "test_certificate.py", "test_headers.py")
PROFILE = """\
[stack]
edge = "edge"
server_name = "{name}"
https_port = {port}
locations = ["/"]

[services.edge]
listens = ["8443/tcp", "8444/tcp", "8445/tcp"]

[tls]
ca_file = "{folder}/{ca}.crt"
key_file = "/tls/good.key"
"""
# Of the headers, those that testssl.sh judges too.
HEADERS = tuple(f"SEC-HDR-{number:03}" for number in range(1, 7))


def testssl() -> str:
    """The program's path. Raises UserError where it is not installed: it is no dependency of anything here."""
    found = shutil.which("testssl") or shutil.which("testssl.sh")
    if found is None:
        raise UserError("testssl.sh is not installed: apt-get install testssl.sh (only for this comparison)")
    return found


@contextmanager
def running(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The edges, up: the project's name and its environment."""
    certificates.make(folder / "tls")
    folder.chmod(0o755)
    project = f"st-comparison-{os.getpid()}"
    env = {**os.environ, "COMPARISON_TLS": str(folder / "tls"), "COMPARISON_BASE": free_thousand()}
    driver = Driver.connect(project, (COMPOSE,), env=env)
    try:
        driver.compose("up", "--detach", "--no-build", "--pull", "never")
        yield project, env
    finally:
        driver.compose("down", "--volumes", "--timeout", "1")


def free_thousand() -> str:
    """A thousand in which the three host ports are free."""
    for thousand in range(20, 32):
        with ExitStack() as held:
            try:
                for _, last in PORTS.values():
                    held.enter_context(socket.create_server(("127.0.0.1", thousand * 1000 + last)))
            except OSError:
                continue
            return str(thousand)
    raise UserError("no thousand from 20000 to 31000 has three free ports for the edges")


def compared(name: str, folder: Path, project: str, env: dict[str, str]) -> tuple[Judged, Judged]:
    """Both tools on one edge: ours, and testssl.sh with all its tests."""
    truth = TRUTH[name]
    inside, outside = PORTS[name]
    profile = folder / f"{name}.toml"
    ca = "weak" if name == "edge-weak" else "ca"
    profile.write_text(PROFILE.format(name=certificates.NAME, port=inside, folder=folder / "tls", ca=ca))
    os.environ.update({key: env[key] for key in ("COMPARISON_TLS", "COMPARISON_BASE")})
    began = time.monotonic()
    arguments = ["--compose-file", str(COMPOSE), "--attach", project, "--allow", "intrusive", "--profile", str(profile)]
    results = seatrial(arguments, folder / f"ours-{name}", COMPOSE, tests=CHECKS)
    said = [Said(one.id) for one in failures(results, set()) if not one.id.startswith("SEC-HDR") or one.id in HEADERS]
    ours = judged({defect: ids["ours"] for defect, ids in truth.items()}, said, time.monotonic() - began)
    found = folder / f"testssl-{name}.json"
    argv = [testssl(), "--quiet", "--color", "0", "--warnings", "batch", "--add-ca", str(folder / "tls" / f"{ca}.crt")]
    argv += ["--ip", "127.0.0.1", "--nodns", "none", "--jsonfile", str(found)]
    done = complete([*argv, f"{certificates.NAME}:{env['COMPARISON_BASE']}{outside}"], timeout_seconds=900)
    listed = json.loads(found.read_text())
    issues = [Said(one["id"].partition(" ")[0]) for one in listed if one["severity"] in ISSUES]
    return ours, judged({defect: ids["testssl"] for defect, ids in truth.items()}, issues, done.seconds)
