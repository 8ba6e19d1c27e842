"""A runner that injects one fault and has one process killed on the way: itself, its watchdog, a helper or the target.

`python -m chaos.campaign.doomed` reads one JSON document from its input: `stack` (as the watchdog gets it), `fault`, `stir`,
`kill`, and `injecting` and `reverting`, the seconds that these usually take. It says on a line of JSON whom it is about to kill
and when (monotonic clock), and, should it live on, how the fault ended. Exit codes: 0 proved gone, 1 REVERT_FAILED, 3 the
fault could not be injected.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from chaos.effect import Fault, RevertFailed
from chaos.faults import decode
from chaos.faults.process import crash
from chaos.faults.targets import containers_of
from chaos.injection import injected
from chaos.runner import Runner
from chaos.watchdog import loaded
from stack.errors import CannotTell, SeatrialError
from stack.waiting import pause

if TYPE_CHECKING:
    from stack.model import Stack

_STANDS_SECONDS = 0.2


class Doom:
    """Kills the victim once, when its step comes."""

    def __init__(self, order: dict[str, Any], fault: Fault, stack: Stack) -> None:
        self._kill = order["kill"]
        self._usually = {"injecting": float(order["injecting"]), "reverting": float(order["reverting"])}
        self._fault = fault
        self._stack = stack
        self._done = threading.Event()
        self._timer: threading.Timer | None = None

    def told(self, step: str) -> None:
        """A step has come. One that takes time begins with the step before it, and is over at some moment of it."""
        if step == self._kill["step"]:
            self._strike()
        span = {"intent": "injecting", "revert": "reverting"}.get(step)
        if span is not None and span == self._kill["step"] and self._timer is None:
            self._timer = threading.Timer(self._usually[span] * self._kill["fraction"], self._strike)
            self._timer.start()

    def wait(self) -> None:
        """Until a moment that was drawn has come, even if the fault was quicker this time."""
        if self._timer is not None:
            self._timer.join()

    def _strike(self) -> None:
        if self._done.is_set():
            return
        self._done.set()
        victim = self._kill["victim"]
        helpers = self._stack.driver.helpers() if victim == "helper" else []
        if victim == "helper" and not helpers:
            victim = "runner"
        _say({"killing": victim, "at": time.monotonic()})
        if victim == "helper":
            for helper in helpers:
                with suppress(CannotTell):  # it may just have ended
                    self._stack.driver.kill(helper["Id"])
        elif victim == "target":
            for service in self._fault.targets:
                for container in containers_of(self._stack, service):
                    with suppress(CannotTell):  # it may be down already, by the fault
                        crash(self._stack, container)
        if "watchdog" in victim:
            watchdog = Runner.of(self._stack).watchdog_pid
            if watchdog is not None:
                os.kill(watchdog, signal.SIGKILL)
        if "runner" in victim:
            os.kill(os.getpid(), signal.SIGKILL)


def _say(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _announce(doom: Doom, fault: Fault) -> None:
    """Let the steps that no callback marks be heard of: the injection and the revert have just returned."""
    kind = type(fault)
    inject, revert = kind.inject, kind.revert

    def then_effect(self: Fault, stack: Stack) -> None:
        inject(self, stack)
        doom.told("effect")

    def then_reverted(self: Fault, stack: Stack) -> None:
        revert(self, stack)
        doom.told("reverted")

    kind.inject, kind.revert = then_effect, then_reverted  # type: ignore[method-assign]


def main() -> int:
    """Be the runner that is (or isn't) to die."""
    order = json.load(sys.stdin)
    stack = loaded(order["stack"])
    fault = decode(order["fault"])
    doom = Doom(order, fault, stack)
    runner = Runner.of(stack)  # heals and starts the watchdog: its reverts are none of ours
    _announce(doom, fault)
    code, message = 0, ""
    try:
        with injected(fault, stack, told=doom.told):
            with suppress(CannotTell):
                stack.container("client").exec(order["stir"], timeout_seconds=5)
            doom.told("standing")
            pause(_STANDS_SECONDS)
    except RevertFailed as error:
        code, message = 1, str(error)
    except SeatrialError as error:
        code, message = 3, str(error)
    doom.wait()
    runner.close()
    _say({"ended": message or "proved gone"})
    return code


if __name__ == "__main__":
    sys.exit(main())
