"""Calls one wallet or daemon, and tells "said no" from "said nothing", because only after a no is it known what was done."""

import asyncio
import hashlib
import json
import re
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

USER = "seatrial"
_MAX_BYTES = 16 * 1024 * 1024
"""Largest answer read: multisig info of a wallet with 20,000 outputs stays below it."""
_MAX_HEADERS = 100


class RpcError(Exception):
    """There is no result; the message holds no secret."""


class Silent(RpcError):
    """No usable answer came: whether the call was carried out is unknown."""


class Refused(RpcError):
    """The other side answered with an error, so it did not do it."""

    def __init__(self, message: str, code: int = 0) -> None:
        """Keep the error's number (monero: src/wallet/wallet_rpc_server_error_codes.h)."""
        super().__init__(message)
        self.code = code


class Rpc:
    """One JSON-RPC server. Calls wait for each other: a wallet works on one thing at a time, and its order is ours."""

    def __init__(self, name: str, url: str, password: str = "") -> None:
        """Take a name for messages, a URL, and the digest login's password; without one no login is offered."""
        self.name = name
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._password = password
        self._turn = asyncio.Lock()
        self._since: float | None = None

    @property
    def busy_seconds(self) -> float:
        """How long the call that is under way has been; 0 without one."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    async def call(self, method: str, *, within: float = 20.0, **params: Any) -> dict[str, Any]:
        """Return a method's result, waiting at most `within` seconds for it. Raises Silent, Refused."""
        question = {"jsonrpc": "2.0", "id": "0", "method": method, "params": params}
        answer = await self._ask("/json_rpc", question, within, method)
        if failure := answer.get("error"):
            told = failure if isinstance(failure, dict) else {}
            code = told.get("code")
            message = f"{self.name} refused {method}: {str(told.get('message', 'no reason'))[:200]}"
            raise Refused(message, code if isinstance(code, int) else 0)
        result = answer.get("result")
        if not isinstance(result, dict):
            raise Silent(f"{self.name} answered {method} without a result")
        return result

    async def plain(self, path: str, *, within: float = 10.0, **params: Any) -> dict[str, Any]:
        """Ask one of the daemon's older addresses, which are JSON without JSON-RPC around it. Raises Silent, Refused."""
        answer = await self._ask(path, params, within, path)
        if answer.get("status") != "OK":
            raise Refused(f"{self.name} refused {path}: status {str(answer.get('status'))[:100]}")
        return answer

    async def _ask(self, path: str, question: dict[str, Any], within: float, what: str) -> dict[str, Any]:
        body = json.dumps(question).encode()
        async with self._turn:
            self._since = time.monotonic()
            try:
                async with asyncio.timeout(within):
                    content = await self._exchange(path, body, what)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                raise Silent(f"{self.name} did not answer {what} ({type(error).__name__})") from error
            finally:
                self._since = None
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise Silent(f"{self.name} answered {what} with something other than JSON") from error
        if not isinstance(answer, dict):
            raise Silent(f"{self.name} answered {what} with something other than an object")
        return answer

    async def _exchange(self, path: str, body: bytes, what: str) -> bytes:
        # A challenge is good for its own connection only (measured), so both requests go over one.
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=256 * 1024)
        try:
            status, headers, content = await self._post(reader, writer, path, body, "")
            if status == 401 and self._password:
                login = authorization(headers.get("www-authenticate", []), path, self._password)
                status, headers, content = await self._post(reader, writer, path, body, login)
        finally:
            writer.close()
        if status != 200:
            raise Silent(f"{self.name} answered {what} with HTTP status {status}")
        return content

    async def _post(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: bytes, login: str
    ) -> tuple[int, dict[str, list[str]], bytes]:
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nContent-Type: application/json\r\n"
        head += f"Authorization: {login}\r\n" if login else ""
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        status = (await reader.readline()).split(maxsplit=2)
        if len(status) < 2 or not status[0].startswith(b"HTTP/1."):
            raise ValueError("not HTTP")
        headers: dict[str, list[str]] = {}
        for _ in range(_MAX_HEADERS):
            name, _, value = (await reader.readline()).decode("latin-1").partition(":")
            if not name.strip():
                break
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        length = int(headers.get("content-length", ["0"])[0])
        if not 0 <= length <= _MAX_BYTES:
            raise ValueError("an answer of unbelievable length")
        return int(status[1]), headers, await reader.readexactly(length)


def authorization(challenges: list[str], path: str, password: str) -> str:
    """Answer a digest challenge (RFC 7616, MD5 with qop auth: all that monero offers). Raises ValueError without one."""
    for challenge in challenges:
        told = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge))
        if challenge.startswith("Digest ") and told.get("algorithm", "MD5") == "MD5" and "nonce" in told:
            break
    else:
        raise ValueError("no digest login with MD5 is offered")
    ours, realm = secrets.token_hex(16), told.get("realm", "")
    secret = _md5(f"{USER}:{realm}:{password}")
    answer = _md5(f"{secret}:{told['nonce']}:00000001:{ours}:auth:{_md5(f'POST:{path}')}")
    parts = [
        f'username="{USER}"', f'realm="{realm}"', f'nonce="{told["nonce"]}"', f'uri="{path}"',
        "algorithm=MD5", "qop=auth", "nc=00000001", f'cnonce="{ours}"', f'response="{answer}"',
    ]  # fmt: skip
    return "Digest " + ", ".join(parts)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
