"""The steps of a deployment, each written down before it is taken, and the way back from wherever it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from stack.deployment.bake import Limits, Reading, judge
from stack.deployment.record import BAKING, DRAINING, REPLACING, SERVING, STARTING, SWITCHING, Book, Record
from stack.deployment.release import Release, Serving, other
from stack.deployment.site import ConfigRefused, Site
from stack.errors import CannotTell, SeatrialError, UserError
from stack.interruption import undisturbed
from stack.progress import Progress
from stack.waiting import eventually, pause

T = TypeVar("T")

READY_WITHIN = timedelta(seconds=60)
"""A server starts in 2 s; a loaded machine may take ten times as long."""
_BACK_WITHIN = timedelta(seconds=20)
"""How long a colour that should serve, or an edge that should answer, is waited for: its own restart takes seconds."""
_EVERY = timedelta(milliseconds=200)


class Unfit(SeatrialError):
    """The release is no good; the message says what it did."""


class RolledBack(SeatrialError):
    """The release was no good, or the deployment could not go on, and what served before serves again."""


@dataclass
class Deployment:
    """One run of `deploy` or `rollback`; the caller holds the project's lock."""

    site: Site
    book: Book
    progress: Progress
    bake: timedelta
    ready_within: timedelta = READY_WITHIN
    limits: Limits = field(default_factory=Limits)
    look_every: timedelta = timedelta(milliseconds=250)
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds that each step took."""

    def settle(self) -> Record:
        """Finish or undo what an interrupted deployment left, and return who serves.

        Raises:
            UserError: both colours are down, and no deployment was under way that would say which to start.
            SeatrialError: neither could be made to serve; running it again tries again.

        """
        record = self.book.read()
        if record is None or record.is_settled:
            return self._as_found(record)
        with self._step("settle", f"an earlier deployment ended while {record.phase}: making {record.serve} serve"):
            return self._make_serve(record)

    def blue_green(self, release: Release) -> Record:
        """Put the release into service in the idle colour. Does nothing where it serves already.

        Raises:
            RolledBack: it was no good, or something else came in between; what served before serves.
            UserError, SeatrialError: as `settle`; or nginx would not take its configuration; nothing was begun.

        """
        record = self._begin()
        if record.serve.release.id == release.id:
            return record
        candidate = Serving(other(record.serve.colour), release)
        self._carried_out(record, lambda: self._try(record, candidate))
        return self._retire(replace(record, phase=DRAINING, serve=candidate, previous=record.serve.release))

    def standard(self, release: Release) -> Record:
        """Put the release in the place of the one that serves: nobody is served while it starts.

        Raises as `blue_green`.
        """
        record = self._begin()
        if record.serve.release.id == release.id:
            return record
        candidate = Serving(record.serve.colour, release)
        self._carried_out(record, lambda: self._replace(record, candidate))
        done = Record(SERVING, candidate, previous=record.serve.release)
        self.book.write(done)
        return done

    def rollback(self) -> Record:
        """Put the release that served before back into service; a deployment that was interrupted is undone instead.

        Raises:
            UserError: nothing served before.
            And as `blue_green`.

        """
        left = self.book.read()
        if left is not None and not left.is_settled and left.phase != DRAINING:
            return self.settle()
        record = self.settle()
        if record.previous is None:
            raise UserError(f"there is nothing to roll back to: {record.serve} is all that was deployed here")
        done = replace(self.blue_green(record.previous), previous=None)
        self.book.write(done)
        return done

    def _begin(self) -> Record:
        record = self.settle()
        if complaint := self._asked(self.site.config_complaint):
            raise ConfigRefused(f"nginx refuses its configuration, so nothing was begun: {complaint}")
        return record

    def _try(self, record: Record, candidate: Serving) -> None:
        """Everything that may go wrong before the release is trusted."""
        colour = candidate.colour
        self.book.write(replace(record, phase=STARTING, candidate=candidate))
        with self._step("start", f"starting {candidate}"):
            self.site.remove(colour)
            self.site.start(colour, candidate.release)
        with self._step("ready", f"waiting until {colour} is ready"):
            self._await_ready(colour)
        with self._step("smoke", f"smoke-testing {colour} at its own port"):
            self._smoke(colour)
        self.book.write(replace(record, phase=SWITCHING, candidate=candidate))
        with self._step("switch", f"switching the edge to {colour}"):
            try:
                self._asked(lambda: self.site.point(colour))
            except ConfigRefused:
                # Nothing was reloaded: the edge is as it was, and the way back needs no configuration that parses.
                self.book.write(replace(record, phase=STARTING, candidate=candidate))
                raise
        self.book.write(replace(record, phase=BAKING, candidate=candidate))
        with self._step("bake", f"watching {colour} for {self.bake.total_seconds():g} s"):
            self._bake(colour)

    def _replace(self, record: Record, candidate: Serving) -> None:
        colour = candidate.colour
        self.book.write(replace(record, phase=REPLACING, candidate=candidate))
        with self._step("start", f"replacing {record.serve} by {candidate.release}"):
            self.site.start(colour, candidate.release)
        with self._step("ready", f"waiting until {colour} is ready"):
            self._await_ready(colour)
        with self._step("smoke", f"smoke-testing {colour} at its own port"):
            self._smoke(colour)
        with self._step("bake", f"watching {colour} for {self.bake.total_seconds():g} s"):
            self._bake(colour)

    def _retire(self, record: Record) -> Record:
        """From here on the new release serves, whoever dies: what is left to do is taking the old colour away."""
        self.book.write(record)
        old = other(record.serve.colour)
        with self._step("drain", f"draining and stopping {old}"):
            self.site.remove(old)
        done = Record(SERVING, record.serve, previous=record.previous)
        self.book.write(done)
        return done

    def _carried_out(self, record: Record, attempt: Callable[[], None]) -> None:
        """Run the attempt, and go back if it ends in any other way than well."""
        try:
            attempt()
        except BaseException as error:
            with undisturbed():
                try:
                    left = self.settle()
                except (SeatrialError, OSError) as worse:
                    message = f"{error}; and rolling back did not end well, so run this again: {worse}"
                    raise SeatrialError(message) from error
            if not isinstance(error, SeatrialError | OSError):
                raise  # an interrupt, or a fault of ours
            how = "rolled back" if left.serve == record.serve else "what served before can't be had any more"
            raise RolledBack(f"{error}; {how}: {left.serve} serves") from error

    def _as_found(self, record: Record | None) -> Record:
        """Who serves, as it is: no deployment is under way, so what runs is right, whoever started it."""
        named = self.site.active()
        serving = named if self._is_ready(named) else self._back(named)
        release = self.site.release(serving)
        if release is None:
            raise CannotTell(f"{serving} is ready, and has no container")
        if serving != named:
            with self._step("switch", f"{named} is down and {serving} is ready: switching the edge to it"):
                self.site.point(serving)
        serve = Serving(serving, release)
        # By its id: a name that has moved since is another name for the same release.
        known = record is not None and (record.serve.colour, record.serve.release.id) == (serving, release.id)
        return Record(SERVING, serve, previous=record.previous if record and known else None)

    def _back(self, named: str) -> str:
        """Wait for either colour to come back by itself; the named one is asked first."""

        both = (named, other(named))

        def either() -> str | None:
            ready = next((colour for colour in both if self._is_ready(colour)), None)
            if ready is None and all(self._is_gone(colour) for colour in both):
                raise _down(self.site, both)
            return ready

        try:
            with self._step("wait", f"waiting for {named}, which is not ready"):
                return eventually(either, within=_BACK_WITHIN, every=_EVERY, what="a colour is ready")
        except AssertionError as error:
            raise _down(self.site, both) from error

    def _make_serve(self, record: Record) -> Record:
        """Have `record.serve` run its release, serve, and be alone. Where it can't be had, the other one serves on."""
        colour, release = record.serve.colour, record.serve.release
        runs = self.site.release(colour)
        if runs is None or runs.id != release.id or self._is_gone(colour):
            self.site.start(colour, release)
        try:
            self._await_ready(colour, _BACK_WITHIN if self._is_ready(other(colour)) else READY_WITHIN)
        except SeatrialError:
            colour = other(colour)
            found = self.site.release(colour)
            if found is None or not self._is_ready(colour):
                raise
            release = found
        # Where the edge was being switched it may have been told anything: what it is to read is written, and it is told again.
        if record.phase in (SWITCHING, BAKING) or self.site.active() != colour:
            self._asked(lambda: self.site.point(colour))
        return self._retire(Record(record.phase, Serving(colour, release), previous=record.previous))

    def _await_ready(self, colour: str, within: timedelta | None = None) -> None:
        limit = within or self.ready_within
        last: list[str | None] = [None]
        crashes = self.site.crashes(colour)

        def fine() -> bool:
            if reason := self.site.hopeless(colour, crashes):
                raise Unfit(f"{colour} did not become ready: {reason}")
            last[0] = self.site.complaint(colour)
            return last[0] is None

        try:
            eventually(fine, within=limit, every=_EVERY, what=f"{colour} is ready")
        except AssertionError as error:
            raise Unfit(f"{colour} was not ready within {limit.total_seconds():g} s: {last[0]}") from error

    def _is_ready(self, colour: str) -> bool:
        return self._asked(lambda: self.site.complaint(colour)) is None

    def _is_gone(self, colour: str) -> bool:
        return self.site.hopeless(colour, self.site.crashes(colour)) is not None

    def _smoke(self, colour: str) -> None:
        if wrong := self._asked(lambda: self.site.smoke(colour)):
            raise Unfit(f"{colour} is ready, and fails its smoke test: {wrong}")

    def _bake(self, colour: str) -> None:
        until = time.monotonic() + self.bake.total_seconds()
        readings: list[Reading] = []
        while True:
            readings.append(self._asked(lambda: self.site.reading(colour)))
            if wrong := judge(readings, self.limits):
                raise Unfit(f"{colour} served, and {wrong}")
            if time.monotonic() >= until and readings[-1].edge is None:
                return
            pause(self.look_every.total_seconds())

    def _asked(self, ask: Callable[[], T]) -> T:
        """Ask again while the edge or the engine does not answer: an edge that was killed is back in a moment."""
        return eventually(lambda: (ask(),), within=_BACK_WITHIN, every=_EVERY, what="the edge")[0]

    @contextmanager
    def _step(self, name: str, told: str) -> Iterator[None]:
        began = time.monotonic()
        try:
            with self.progress.step(told):
                yield
        finally:
            self.phases[name] = self.phases.get(name, 0.0) + time.monotonic() - began


def _down(site: Site, both: tuple[str, str]) -> UserError:
    why = "; ".join(f"{colour}: {site.complaint(colour)}" for colour in both)
    return UserError(f"both colours are down, so there is nothing to deploy beside ({why}): bring one up first")
