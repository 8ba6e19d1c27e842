"""Asks one wallet RPC to write its file to disk, with digest login and the standard library alone.

urllib's own digest login writes the algorithm in quotation marks, which monero's parser refuses (measured).
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import secrets
from typing import Any

from stack.ops.command import Refused

USER = "seatrial"
TIMEOUT_SECONDS = 30
PATH = "/json_rpc"


def call(host: str, port: int, password: str, method: str) -> dict[str, Any]:
    """Call one JSON-RPC method without parameters and return its result.

    Raises:
        Refused: the wallet does not answer, refuses the login, or answers with an error (which is HTTP 200 there).

    """
    body = json.dumps({"jsonrpc": "2.0", "id": "0", "method": method})
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        response = _post(connection, body, {})
        if response.status == http.client.UNAUTHORIZED:
            challenges = response.headers.get_all("WWW-Authenticate") or []
            response.read()
            response = _post(connection, body, {"Authorization": authorization(challenges, password)})
        content = response.read()
        if response.status != http.client.OK:
            raise Refused(f"{host}: the wallet answered {method} with HTTP {response.status}")
        answer = json.loads(content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Refused(f"{host}: the wallet did not answer {method} ({error})") from error
    finally:
        connection.close()
    if "error" in answer:
        raise Refused(f"{host}: the wallet answered {method} with {answer['error'].get('message', answer['error'])}")
    return dict(answer.get("result", {}))


def authorization(challenges: list[str], password: str) -> str:
    """Answer a digest challenge (RFC 7616 with MD5 and qop auth, all that monero offers).

    Raises:
        Refused: no such challenge is among them.

    """
    for challenge in challenges:
        told = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        if challenge.startswith("Digest ") and told.get("algorithm", "MD5") == "MD5" and "nonce" in told:
            break
    else:
        raise Refused("the wallet offers no digest login with MD5")
    ours = secrets.token_hex(16)
    secret = _md5(f"{USER}:{told.get('realm', '')}:{password}")
    answer = _md5(f"{secret}:{told['nonce']}:00000001:{ours}:auth:{_md5(f'POST:{PATH}')}")
    parts = [
        f'username="{USER}"', f'realm="{told.get("realm", "")}"', f'nonce="{told["nonce"]}"', f'uri="{PATH}"',
        "algorithm=MD5", "qop=auth", "nc=00000001", f'cnonce="{ours}"', f'response="{answer}"',
    ]  # fmt: skip
    return "Digest " + ", ".join(parts)


def _post(
    connection: http.client.HTTPConnection, body: str, headers: dict[str, str]
) -> http.client.HTTPResponse:
    connection.request("POST", PATH, body, {"Content-Type": "application/json", **headers})
    return connection.getresponse()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
