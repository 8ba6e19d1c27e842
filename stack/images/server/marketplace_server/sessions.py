"""Sessions: random tokens, stored only as keyed hashes, so that a stolen database logs nobody in."""

import hashlib
import hmac
import secrets
import time

from starlette.requests import Request

from .connection import Connection
from .errors import Unauthenticated

COOKIE = "session"
_PURGE = 50
"""Expired sessions swept at each login: enough to keep up, few enough not to be felt."""


class Sessions:
    """Makes, finds and ends sessions. Its methods take the connection: they run inside the caller's transaction."""

    def __init__(self, secret: bytes, lifetime_seconds: int) -> None:
        """Take the key of the stored hashes and how long a session lives, in seconds."""
        self._secret = secret
        self.lifetime_seconds = lifetime_seconds

    def token_hash(self, request: Request) -> bytes | None:
        """Hash the token a request carries: the `Authorization: Bearer` one before the cookie's. None without one."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else request.cookies.get(COOKIE, "")
        return self._hash(token) if token else None

    def begin(self, connection: Connection, account_id: str, previous: bytes | None) -> tuple[str, float]:
        """Start a session; the one the client came with ends (rotation). Returns the token and when it expires (Unix)."""
        now = time.time()
        token = secrets.token_urlsafe(32)
        expires = now + self.lifetime_seconds
        connection.execute(
            "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE expires_at < ? LIMIT ?)",
            (now, _PURGE),
        )
        if previous:
            self.end(connection, previous)
        connection.execute(
            "INSERT INTO sessions (token_hash, account_id, created_at, expires_at) VALUES (?, ?, ?, ?)",
            (self._hash(token), account_id, now, expires),
        )
        return token, expires

    def account(self, connection: Connection, token_hash: bytes | None) -> str:
        """Return the id of the account that is logged in. Raises Unauthenticated."""
        row = connection.execute(
            "SELECT account_id FROM sessions WHERE token_hash = ? AND expires_at > ?", (token_hash, time.time())
        ).fetchone()
        if row is None:
            raise Unauthenticated
        return str(row[0])

    def end(self, connection: Connection, token_hash: bytes) -> bool:
        """End a session; says whether there was one."""
        return connection.execute("DELETE FROM sessions WHERE token_hash = ?", (token_hash,)).rowcount > 0

    def _hash(self, token: str) -> bytes:
        return hmac.digest(self._secret, token.encode("utf-8", "surrogateescape"), hashlib.sha256)
