"""One way to ask a JSON interface: bounded in time, no environment proxies, and "did not answer" told apart from "refused"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from stack.errors import CannotTell, SeatrialError

TIMEOUT_SECONDS = 10.0


class Refused(SeatrialError):
    """The service answered, with an error status; `status` and `body` have it."""

    def __init__(self, message: str, status: int, body: str) -> None:
        """Keep the answer beside the sentence."""
        super().__init__(message)
        self.status = status
        self.body = body


class JsonService:
    """A service with a JSON interface under one base URL."""

    def __init__(
        self, url: str, *, auth: requests.auth.AuthBase | None = None, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Ask below `url`; nothing is sent before the first question."""
        self.url = url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy of the environment must not see what goes to loopback
        self._session.auth = auth

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None
    ) -> requests.Response:
        """Send one request.

        Raises:
            CannotTell: no answer came.
            Refused: the answer has an error status.

        """
        try:
            answer = self._session.request(
                method, self.url + path, params=dict(params or {}), json=json, timeout=self.timeout_seconds
            )
        except requests.RequestException as error:
            message = f"{self.url}{path} does not answer ({type(error).__name__})"
            raise CannotTell(message) from error
        if not answer.ok:
            body = answer.text[:500]
            message = f"{self.url}{path} answered {answer.status_code}: {' '.join(body.split())[:200]}"
            raise Refused(message, answer.status_code, body)
        return answer

    def get(self, path: str, **params: Any) -> Any:
        """The JSON answer to a GET; raises as `ask`, and CannotTell when it is no JSON."""
        return self.json(
            self.ask("GET", path, params={key: value for key, value in params.items() if value is not None})
        )

    def json(self, answer: requests.Response) -> Any:
        """An answer's JSON.

        Raises:
            CannotTell: it has none.

        """
        try:
            return answer.json()
        except requests.JSONDecodeError as error:
            message = f"{answer.url} answered something that is not JSON: {answer.text[:80]!r}"
            raise CannotTell(message) from error
