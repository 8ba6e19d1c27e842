"""Calls `ip` with argument lists and reads its JSON, so that interfaces, routes and rules are never parsed from prose."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.driver import Completed


def run(argv: Sequence[str], *, stdin: str | None = None, timeout_seconds: float = 10.0) -> Completed:
    """Runs a host command. CannotTell when the program is missing or does not end in time; its exit code is the caller's."""
    from stack.driver import Completed

    began = time.monotonic()
    try:
        # input="" and not None: a probe must never read the terminal of whoever runs the checks.
        done = subprocess.run(
            list(argv),
            input=stdin or "",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise CannotTell(f"the program {argv[0]!r} is not installed on this host") from error
    except subprocess.TimeoutExpired as error:
        raise CannotTell(f"{' '.join(argv)} did not end within {timeout_seconds:g} s") from error
    return Completed(tuple(argv), done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def ip(*arguments: str, check: bool = True) -> Completed:
    """`ip ARGUMENTS`; CannotTell with its own words when it refuses and `check` is on."""
    done = run(("ip", *arguments))
    if check and done.code != 0:
        raise CannotTell(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done


def ip_batch(lines: Sequence[str], *, namespace: str | None = None, family: int = 4) -> None:
    """Several `ip` commands in one process; the first refusal is CannotTell."""
    options = (f"-{family}", *(("-n", namespace) if namespace else ()))
    done = run(("ip", *options, "-batch", "-"), stdin="\n".join(lines) + "\n")
    if done.code != 0:
        raise CannotTell(f"ip -batch refused: {done.stderr.strip()}")


def ip_json(*arguments: str) -> list[dict[str, Any]]:
    """What `ip -j ARGUMENTS` lists."""
    return list(json.loads(ip("-j", *arguments).stdout or "[]"))
