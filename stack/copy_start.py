"""Starts the services of a copy in the order of what they wait for, so that one that can't start takes none with it and is told why.

`docker compose up` of the whole gives up at the first service that fails, and its message names one of many. So they are started
in waves, what fails is tried once more alone, and the engine's own words are kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from stack.driver import Driver
from stack.errors import CannotTell
from stack.waiting import eventually

_UP = ("up", "--detach", "--no-build", "--no-deps", "--pull", "never")
_UP_SECONDS = 120
#: For all waits on health together: a first health check is due after 30 s by default, and the third in a row tells.
HEALTHY_WITHIN = timedelta(seconds=120)
_ASK_EVERY = timedelta(milliseconds=300)
_WORDS = 200


class Starter:
    """Starts the services of a rendered tree, once."""

    def __init__(
        self, driver: Driver, services: Mapping[str, Mapping[str, Any]], *, within: timedelta = HEALTHY_WITHIN
    ) -> None:
        """Nothing is started yet."""
        self._driver = driver
        self._services = services
        self._until = time.monotonic() + within.total_seconds()
        self.absent: dict[str, str] = {}  # what does not run, and why
        self.ailing: dict[str, str] = {}  # what runs and is not healthy, and why

    def start(self) -> None:
        """Start everything that can be started, and wait until health is known or time is over.

        Raises:
            CannotTell: the engine does not answer.

        """
        for wave in waves(self._services):
            ready = []
            for name in wave:
                reason = self._unmet(name)
                if reason:
                    self.absent[name] = reason
                else:
                    ready.append(name)
            self._up(ready)
        for name in self._services:
            if name not in self.absent:
                self._look(name)

    def _up(self, names: Sequence[str]) -> None:
        if not names or self._driver.compose(*_UP, *names, check=False, timeout_seconds=_UP_SECONDS).ok:
            return
        for name in names:
            done = self._driver.compose(*_UP, name, check=False, timeout_seconds=_UP_SECONDS)
            if not done.ok:
                self.absent[name] = f"it can't be started: {done.last_words()}"

    def _unmet(self, name: str) -> str | None:
        """Why a service may not start yet and never will; waits for what has to be healthy or done first."""
        for target, how in (self._services[name].get("depends_on") or {}).items():
            condition = how.get("condition")
            if target not in self._services or condition == "service_started":
                continue
            if target in self.absent:
                return f"it waits for {target}, which does not run"
            problem = (
                self._ended_badly(target) if condition == "service_completed_successfully" else self._unhealthy(target)
            )
            if problem:
                return f"it waits for {target}, which {problem}"
        return None

    def _look(self, name: str) -> None:
        """Note what has become of a service."""
        problem = self._unhealthy(name, needs_check=False)
        if problem is None:
            return
        running = any(state.get("Running") and not state.get("Restarts") for state in self._states(name))
        (self.ailing if running else self.absent)[name] = f"it {problem}"

    def _unhealthy(self, name: str, *, needs_check: bool = True) -> str | None:
        """What is wrong with a service's health once it is known; None: healthy, or (unless one is needed) without a check."""

        def known() -> list[dict[str, Any]] | None:
            states = self._states(name)
            starting = any(state.get("Running") and _health(state) == "starting" for state in states)
            return states if states and not starting else None

        try:
            states = eventually(known, within=self._left(), every=_ASK_EVERY, what=name)
        except AssertionError:
            return f"is still starting after {HEALTHY_WITHIN.total_seconds():g} s"
        for state in states:
            if state.get("Restarts"):
                return f"ended with code {state.get('ExitCode')} and was restarted {state['Restarts']} times{self._last_log(name)}"
            if not state.get("Running"):
                code = state.get("ExitCode")
                return None if code == 0 and not needs_check else f"ended with code {code}{self._last_log(name)}"
            if _health(state) == "unhealthy":
                return f"is unhealthy: {_probe_words(state)}"
            if needs_check and _health(state) == "":
                return "has no health check to wait for"
        return None

    def _ended_badly(self, name: str) -> str | None:
        def ended() -> list[dict[str, Any]] | None:
            states = self._states(name)
            return states if states and not any(state.get("Running") for state in states) else None

        try:
            states = eventually(ended, within=self._left(), every=_ASK_EVERY, what=name)
        except AssertionError:
            return "has not come to its end"
        bad = next((state["ExitCode"] for state in states if state.get("ExitCode")), None)
        return None if bad is None else f"ended with code {bad}{self._last_log(name)}"

    def _states(self, name: str) -> list[dict[str, Any]]:
        attrs = [self._driver.inspect(one) for one in self._driver.container_ids(name, all=True)]
        return [{**one["State"], "Restarts": one.get("RestartCount", 0)} for one in attrs]

    def _left(self) -> timedelta:
        return timedelta(seconds=max(1.0, self._until - time.monotonic()))

    def _last_log(self, name: str) -> str:
        for one in self._driver.container_ids(name, all=True):
            try:
                lines = [line for line in self._driver.logs(one, tail=5).splitlines() if line.strip()]
            except CannotTell:
                continue  # a log driver that keeps nothing here
            if lines:
                return f": {lines[-1].strip()[:_WORDS]}"
        return ""


def waves(services: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """The services by how many others stand before them: each wave needs only earlier ones. Names a circle's members last."""
    left = {name: set(config.get("depends_on") or {}) & set(services) for name, config in services.items()}
    made: list[list[str]] = []
    while left:
        free = [name for name, targets in left.items() if not targets & set(left)] or list(left)
        made.append(free)
        for name in free:
            del left[name]
    return made


def _health(state: Mapping[str, Any]) -> str:
    return str((state.get("Health") or {}).get("Status") or "")


def _probe_words(state: Mapping[str, Any]) -> str:
    """What its last probe printed."""
    probes = (state.get("Health") or {}).get("Log") or []
    lines = str(probes[-1].get("Output") or "").strip().splitlines() if probes else []
    code = probes[-1].get("ExitCode") if probes else None
    return lines[-1].strip()[:_WORDS] if lines else f"its probe ends with code {code}"
