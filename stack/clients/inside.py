"""Speaks JSON-RPC to a program that publishes no port, by curl in its own container, so that nothing is opened for a test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stack.clients.wallet import WalletError
from stack.errors import CannotTell

if TYPE_CHECKING:
    from stack.driver import Driver


@dataclass(frozen=True)
class InsideRpc:
    """A daemon or wallet RPC without login, on a port of its container's loopback address."""

    driver: Driver
    container_id: str
    port: int
    timeout_seconds: float = 60

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and return its result.

        Raises:
            WalletError: the answer carries an error.
            CannotTell: no answer, or none that is JSON-RPC.

        """
        answer = self._post("/json_rpc", {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}, method)
        if failure := answer.get("error"):
            message = f"{method}: {failure.get('message', 'no message')} (code {failure.get('code')})"
            raise WalletError(message, int(failure.get("code", 0)))
        result: dict[str, Any] = answer.get("result") or {}
        return result

    def plain(self, path: str, **params: Any) -> dict[str, Any]:
        """Ask one of the daemon's older addresses, which are JSON without JSON-RPC around it. Raises CannotTell."""
        answer = self._post(path, params, path)
        if answer.get("status") != "OK":
            message = f"{path}: status {answer.get('status')}"
            raise CannotTell(message)
        return answer

    def _post(self, path: str, body: dict[str, Any], what: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}{path}"
        # By standard input: an argument list has a length limit that multisig data would pass.
        argv = ["curl", "-sS", "-m", str(int(self.timeout_seconds)), "--data-binary", "@-", url]
        done = self.driver.exec(
            self.container_id, argv, stdin=json.dumps(body).encode(), timeout_seconds=self.timeout_seconds + 5
        )
        try:
            answer = json.loads(done.stdout) if done.ok else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            message = f"{what}: no JSON came ({done.last_words()})"
            raise CannotTell(message)
        return answer
