"""Keeps a living watchdog beside a runner: one that dies is replaced at once, also while a fault stands, and nothing begins without one."""

from __future__ import annotations

import os
import select
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaos.watchdog import Watchdog
from stack.errors import CannotTell


class Lease:
    """A watchdog for as long as this is open. A thread sleeps until its process ends, so that nothing is polled."""

    def __init__(self, spec: dict[str, Any], log: Path) -> None:
        self._spec = spec
        self._log = log
        self._closed = False
        self._lock = threading.Lock()
        self._watchdog = Watchdog(spec, log)
        self._keep()

    @property
    def pid(self) -> int:
        """The process id of the watchdog of now."""
        return self._watchdog.pid

    def wait_until_ready(self) -> None:
        """Raises CannotTell when there is no watchdog and none can be had: no fault may be injected then."""
        with self._lock:
            if not self._watchdog.is_alive():
                self._replace()
            self._watchdog.wait_until_ready()

    def close(self) -> None:
        """End the watchdog; it heals whatever still stands. Closing twice is harmless."""
        with self._lock:
            self._closed = True
            self._watchdog.close()

    def _keep(self) -> None:
        """Watch the process of now in a thread of its own."""
        with suppress(ProcessLookupError):  # it is gone already, and whoever needs one looks first
            descriptor = os.pidfd_open(self._watchdog.pid)
            threading.Thread(target=self._mourn, args=(descriptor,), name="watchdog's end", daemon=True).start()

    def _mourn(self, descriptor: int) -> None:
        """Wait for the end of a watchdog, and start another unless that was meant."""
        waiting = select.poll()
        waiting.register(descriptor, select.POLLIN)
        waiting.poll()
        os.close(descriptor)
        with self._lock:
            if self._closed or self._watchdog.is_alive():
                return
            # One that can't be had now is missed, and said so, before the next fault begins.
            with suppress(CannotTell, OSError):
                self._replace()
                self._watchdog.wait_until_ready()

    def _replace(self) -> None:
        self._watchdog.close()
        self._watchdog = Watchdog(self._spec, self._log)
        self._keep()
