"""Asks one wallet RPC to write its file to disk, with digest login and the standard library alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from stack.ops.command import Refused

USER = "seatrial"
TIMEOUT_SECONDS = 30


def call(url: str, password: str, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call one JSON-RPC method of the wallet at `url` (scheme, host and port) and return its result.

    Raises:
        Refused: it does not answer, refuses the login, or answers with an error (which is HTTP 200 there).

    """
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, USER, password)
    # no proxy: the wallet is on our own network, whatever the environment says
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPDigestAuthHandler(passwords)
    )
    body = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method, "params": params or {}}).encode()
    request = urllib.request.Request(f"{url}/json_rpc", body, {"Content-Type": "application/json"})
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            answer = json.load(response)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise Refused(f"{url}: the wallet did not answer {method} ({error})") from error
    if "error" in answer:
        raise Refused(f"{url}: the wallet answered {method} with {answer['error'].get('message', answer['error'])}")
    return dict(answer.get("result", {}))
