"""Speaks to a monero-wallet-rpc: JSON-RPC behind digest login, where an error comes with status 200 and must not look like success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from requests.auth import HTTPDigestAuth

from stack.clients.http import JsonService, Refused
from stack.errors import SeatrialError

PICONERO = 10**12  # in one XMR


class WalletError(SeatrialError):
    """The wallet answered with an error in the body; `code` is its number (monero: src/wallet/wallet_rpc_server_error_codes.h)."""

    def __init__(self, message: str, code: int) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message)
        self.code = code


class LoginRefused(SeatrialError):
    """The wallet refused the login."""


@dataclass(frozen=True)
class Balance:
    """In piconero (1e-12 XMR)."""

    total: int
    unlocked: int
    unspent_outputs: int
    multisig_import_needed: bool


class WalletRpc:
    """A wallet RPC at a URL. Every call raises CannotTell when it does not answer, WalletError when it says no."""

    def __init__(self, url: str, *, user: str, password: str, timeout_seconds: float = 20) -> None:
        """Ask below `url`, with digest login."""
        self._service = JsonService(url, auth=HTTPDigestAuth(user, password), timeout_seconds=timeout_seconds)

    @property
    def url(self) -> str:
        """Where it is asked."""
        return self._service.url

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and return its result.

        Raises:
            WalletError: the answer carries an error.
            LoginRefused: the login is wrong.
            CannotTell: no answer, or none that is JSON-RPC.

        """
        body = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        try:
            answer = self._service.json(self._service.ask("POST", "/json_rpc", json=body))
        except Refused as error:
            if error.status == 401:
                message = f"{self.url} refuses the login"
                raise LoginRefused(message) from error
            raise
        if failure := answer.get("error"):
            message = f"{method}: {failure.get('message', 'no message')} (code {failure.get('code')})"
            raise WalletError(message, int(failure.get("code", 0)))
        result: dict[str, Any] = answer.get("result") or {}
        return result

    def height(self) -> int:
        """The height the wallet has seen."""
        return int(self.call("get_height")["height"])

    def address(self) -> str:
        """The primary address."""
        return str(self.call("get_address", account_index=0)["address"])

    def balance(self) -> Balance:
        """The first account's balance."""
        said = self.call("get_balance", account_index=0)
        # num_unspent_outputs stands per subaddress and never at the top level.
        outputs = sum(int(entry["num_unspent_outputs"]) for entry in said.get("per_subaddress") or ())
        return Balance(
            total=int(said["balance"]),
            unlocked=int(said["unlocked_balance"]),
            unspent_outputs=outputs,
            multisig_import_needed=bool(said.get("multisig_import_needed")),
        )

    def is_multisig(self) -> dict[str, Any]:
        """Whether it is a multisig wallet: multisig, ready, threshold, total."""
        return self.call("is_multisig")

    def refresh(self) -> int:
        """Fetch new blocks; returns how many."""
        return int(self.call("refresh").get("blocks_fetched", 0))

    def version(self) -> int:
        """The RPC interface's version."""
        return int(self.call("get_version")["version"])
