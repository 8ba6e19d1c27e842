"""Read and write packet rules and queues inside a container's own network namespace, with nothing installed in it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.model import Stack

# What the engine itself writes into a container's namespace: its DNS. Addresses and ports in it change at every start.
_ENGINES_CHAINS = ("DOCKER_OUTPUT", "DOCKER_POSTROUTING")
_COUNTER = "direct_packets_stat"
_DEFAULT_QUEUES = ("noqueue", "pfifo_fast", "fq_codel", "mq", "fq")


def run(
    stack: Stack, container: dict[str, Any], *argv: str, timeout_seconds: float = 10, needs: Sequence[str] = ()
) -> str:
    """Run a network tool in the container's network namespace and return what it printed.

    `container` is an inspect document. On the engine's own host this is nsenter with the host's tools (5 ms); elsewhere,
    or where the host lacks the tool (or one that it `needs` besides), a helper container that joins the namespace (about 0.4 s).
    Raises CannotTell when the container doesn't run or the tool fails.
    """
    pid = container["State"]["Pid"]
    name = container["Name"].lstrip("/")
    if not pid:
        raise CannotTell(f"{name} is not running, so it has no network namespace")
    if stack.driver.is_local() and all(map(shutil.which, ("nsenter", argv[0], *needs))) and is_seen_here(container):
        return _by_nsenter(pid, name, argv, timeout_seconds)
    done = stack.driver.run_helper(
        list(argv), network=f"container:{container['Id']}", cap_add=("NET_ADMIN",), timeout_seconds=timeout_seconds + 20
    )
    if isinstance(done, str) or done.code:
        detail = done if isinstance(done, str) else done.stderr.strip()
        raise CannotTell(f"{argv[0]} in the network of {name} failed: {detail}")
    return done.stdout


def is_seen_here(container: Mapping[str, Any], *, proc: Path = Path("/proc")) -> bool:
    """Whether the container's process id means its process on this machine too: its control groups or mounts name it.

    An engine inside of a container counts its own: what has that number here is somebody else's, and must not be entered.
    """
    process = proc / str(container["State"]["Pid"])
    for file in ("cgroup", "mountinfo"):
        with suppress(OSError):
            if str(container["Id"]) in (process / file).read_text(errors="replace"):
                return True
    return False


def _by_nsenter(pid: int, name: str, argv: tuple[str, ...], timeout_seconds: float) -> str:
    try:
        done = subprocess.run(
            ["nsenter", f"--net=/proc/{pid}/ns/net", "--", *argv],
            capture_output=True,
            text=True,
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CannotTell(f"{argv[0]} in the network of {name} did not answer within {timeout_seconds:g} s") from error
    if done.returncode:
        raise CannotTell(f"{argv[0]} in the network of {name} failed: {done.stderr.strip()}")
    return done.stdout


def canonical_rules(saved: str) -> list[str]:
    """The rules of an iptables-save text that somebody other than the engine wrote, without counters and empty tables.

    Deleting a rule leaves an empty table or a built-in chain with its default policy behind; neither does anything, so
    neither counts. A changed policy and a chain of somebody's own do.
    """
    kept: list[str] = []
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            chain, policy = line[1:].split()[:2]
            if chain not in _ENGINES_CHAINS and policy != "ACCEPT":
                kept.append(f"{table} chain {chain} {policy}")
        elif line.startswith("-A") and not any(chain in line.split() for chain in _ENGINES_CHAINS):
            kept.append(f"{table} {line}")
    return sorted(kept)


def canonical_queues(shown: str) -> list[str]:
    """The queueing disciplines of a `tc qdisc show` text that are not the kernel's defaults, without interface names.

    Interface names are left out because a container that leaves a network and joins it again comes back as eth1.
    """
    kept = []
    for line in shown.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "qdisc" or words[1] in _DEFAULT_QUEUES:
            continue
        where = words.index("dev") if "dev" in words else len(words)
        told = words[where + 2 :]
        if _COUNTER in told:  # htb's count of what passed it by, which goes on counting
            del told[told.index(_COUNTER) : told.index(_COUNTER) + 2]
        kept.append(" ".join([words[1], *told]))
    return sorted(kept)
