"""Starts each request when the schedule says, whatever became of the ones before, and notes how late it was itself.

Runs under gevent in the load process only.
"""

from __future__ import annotations

import gc
import random
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, cycle, islice

import gevent
from gevent.event import Event
from gevent.pool import Group

from load.arrivals import constant, evenly, poisson
from load.live import LiveLog
from load.profiles import LoadProfile, Target
from load.record import Record
from load.users import ACCOUNTS, ACTIONS, Client, Market, Refused, describe, prepare, verifying_context

CLIENTS_A_USER = 4
"""With more requests under way than this for each user, arrivals are dropped (and counted): memory has an end."""
LOOP_PROBE_SECONDS = 0.01
BARELY_SECONDS = 0.0005

OnAnswer = Callable[[str, float, Exception | None], None]
"""Told of each request: endpoint, latency from its intended start in seconds, and the error or None."""


class Dispatcher:
    """One run of a profile against a target."""

    def __init__(
        self, profile: LoadProfile, target: Target, on_answer: OnAnswer, live: LiveLog | None = None
    ) -> None:
        self.record = Record()
        self.profile = profile
        self._target = target
        self._on_answer = on_answer
        self._live = live
        self._numbers = count()
        self._stop = Event()
        self._chance = random.Random(profile.seed)
        self._under_way = Group()
        self._limit = max(200, CLIENTS_A_USER * profile.users)
        self._context: ssl.SSLContext = verifying_context(target.ca_file)
        self._sources: Iterator[str | None] = cycle(target.sources or (None,))
        self._idle: deque[Client] = deque(self._client() for _ in range(profile.users))

    def prepare(self) -> Market:
        """Make accounts and listings.

        Raises:
            UserError: the marketplace is down or refuses.

        """
        # Who only looks needs no account, and accounts are what a stack hands out most sparingly.
        accounts = ACCOUNTS if self.profile.mix.get("order") else 0
        return prepare(list(islice(self._idle, 64)), accounts=accounts)

    def run(self, market: Market, on_begin: Callable[[], None]) -> Record:
        """Run warm-up and schedule to the end, or until `stop`, and give what was measured; `on_begin` is after warm-up."""
        profile = self.profile
        warm = profile.warm_up_seconds
        rate = [*(constant(profile.rate[0].begin_rate or 1.0, warm) if warm else []), *profile.rate]
        schedule = poisson(rate, seed=profile.seed) if profile.poisson else evenly(rate)
        # what is there by now stays: looking through it again and again would only stall arrivals
        gc.collect()
        gc.freeze()
        begin = time.monotonic()
        monitor = gevent.spawn(self._watch_loop, begin + warm)
        cpu_begin = None
        for intended in schedule:
            if not self._wait_until(begin + intended):
                break
            if intended >= warm and cpu_begin is None:
                cpu_begin = time.process_time()
                on_begin()
            self._arrive(market, begin, intended, warm)
        measured = time.monotonic() - begin - warm
        self.record.seconds = max(0.0, min(measured, profile.seconds))
        self.record.cpu_seconds = time.process_time() - cpu_begin if cpu_begin is not None else 0.0
        monitor.kill()
        self._under_way.join(timeout=profile.timeout_seconds + 1)
        self._under_way.kill()
        return self.record

    def stop(self) -> None:
        """End the schedule now; what is under way may still finish."""
        self._stop.set()

    def _wait_until(self, moment: float) -> bool:
        delay = moment - time.monotonic()
        # at least a turn of the event loop now and then, or a late schedule would starve the answers
        return not self._stop.wait(max(delay, 0)) if delay > BARELY_SECONDS else not self._stop.is_set()

    def _arrive(self, market: Market, begin: float, intended: float, warm: float) -> None:
        measured = intended >= warm
        self.record.intended += measured
        if len(self._under_way) >= self._limit:
            self.record.dropped += measured
            gevent.sleep(0)
            return
        endpoint = self._chance.choices(list(self.profile.mix), list(self.profile.mix.values()))[0]
        self._under_way.spawn(self._request, endpoint, market, begin + intended, intended - warm)

    def _request(self, endpoint: str, market: Market, due: float, intended: float) -> None:
        number, lag = next(self._numbers), time.monotonic() - due
        if self._live is not None:
            self._live.due(number, due)
        client = self._idle.popleft() if self._idle else self._client()
        error: Exception | None = None
        try:
            ACTIONS[endpoint](client, market, self._chance)
        except (OSError, Refused, ValueError, KeyError, TypeError) as caught:
            error = caught
        latency = time.monotonic() - due
        self._idle.append(client)
        if intended >= 0:
            self.record.answered(
                endpoint, intended=intended, lag=lag, latency=latency, error=describe(error) if error else None
            )
        if self._live is not None:
            told = f"{endpoint}: {describe(error)}" if error else ""
            self._live.answered(number, lag=lag, latency=latency, error=told)
        self._on_answer(endpoint, latency, error)

    def _client(self) -> Client:
        return Client(self._target, next(self._sources), self._context, self.profile.timeout_seconds)

    def _watch_loop(self, after: float) -> None:
        while True:
            due = time.monotonic() + LOOP_PROBE_SECONDS
            gevent.sleep(LOOP_PROBE_SECONDS)
            if due > after:
                self.record.woke(max(0.0, time.monotonic() - due))
