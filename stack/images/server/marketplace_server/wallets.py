"""Asks cheaply whether the wallets and the chain are there, because an order that no wallet can fund must not be taken."""

import asyncio
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from . import logs
from .metrics import Metrics

_TIMEOUT_SECONDS = 1.0
_FRESH_SECONDS = 1.0
_WORK_SECONDS = 5.0
"""So long may a wallet be silent because it works on a call of our own: it does one thing at a time, and some take long."""
_QUESTION = b'{"jsonrpc":"2.0","id":"0","method":"get_version"}'


class Wallets:
    """Knows which of the configured wallets answer; the knowledge is at most a second old.

    Any HTTP answer counts, also a 401: this runs without credentials, and a paused or hung process gives none, while
    its kernel still accepts the connection.
    """

    def __init__(
        self, urls: Mapping[str, str], metrics: Metrics, busy_seconds: Callable[[str], float] = lambda _: 0.0
    ) -> None:
        """Take name → URL, and how long each has been at work on a call of ours (0: it is not).

        Without any, there is nothing to wait for and all answer.
        """
        self._targets = {name: (urlsplit(url).hostname or "", urlsplit(url).port or 80) for name, url in urls.items()}
        self._metrics = metrics
        self._busy_seconds = busy_seconds
        self._answers: dict[str, bool] = {}
        self._asked_at = float("-inf")
        self._asking = asyncio.Lock()

    async def state(self) -> dict[str, bool]:
        """Say for each name whether it answers. Asks all at the same time, once however many wait; at most 1 s."""
        if time.monotonic() - self._asked_at <= _FRESH_SECONDS:
            return self._answers
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH_SECONDS:
                answers = await asyncio.gather(*(self._is_there(name) for name in self._targets))
                self._remember(dict(zip(self._targets, answers, strict=True)))
        return self._answers

    async def all_answer(self) -> bool:
        """Say whether an order can be taken."""
        return all((await self.state()).values())

    async def _is_there(self, name: str) -> bool:
        if await self._answers_http(*self._targets[name]):
            return True
        return self._answers.get(name, False) and 0 < self._busy_seconds(name) < _WORK_SECONDS

    def _remember(self, answers: dict[str, bool]) -> None:
        for name, answered in answers.items():
            self._metrics.wallet_reachable.labels(name).set(answered)
            if answered != self._answers.get(name, True):
                (logs.info if answered else logs.warning)("wallet", wallet=name, answers=answered)
        self._answers = answers
        self._asked_at = time.monotonic()

    @staticmethod
    async def _answers_http(host: str, port: int) -> bool:
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    head = f"POST /json_rpc HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
                    head += f"Content-Length: {len(_QUESTION)}\r\nConnection: close\r\n\r\n"
                    writer.write(head.encode() + _QUESTION)
                    return (await reader.readline()).startswith(b"HTTP/1.")
                finally:
                    writer.close()
        except (OSError, ValueError, TimeoutError):
            return False
