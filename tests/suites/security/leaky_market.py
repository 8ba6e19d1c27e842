"""A marketplace with every hole that the checks look for, so that each of them can be seen to fail. Loopback only, in memory."""

from __future__ import annotations

import json
import secrets
import socket
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Shop:
    """What the marketplace knows; accounts by name, sessions by token, and a log that is written as it comes."""

    accounts: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    database: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(":memory:", check_same_thread=False))

    def __post_init__(self) -> None:
        self.database.execute("CREATE TABLE listings (id TEXT, title TEXT)")


class Leaky(BaseHTTPRequestHandler):
    """Answers as no marketplace should."""

    protocol_version = "HTTP/1.1"
    shop: Shop
    lock = threading.Lock()

    def log_message(self, *_: object) -> None:
        """Nothing is said on the console."""

    def do_GET(self) -> None:
        with self.lock:
            self._get(urlsplit(self.path))

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        with self.lock:
            self._post(urlsplit(self.path).path, body)

    do_PUT = do_PATCH = do_DELETE = do_POST

    def _get(self, url: Any) -> None:
        self.shop.log += unquote(self.path).split("\n")
        if url.path == "/api/orders":
            self._say(200 if self._who() else 401, {"items": list(self.shop.orders.values())})
        elif url.path.startswith("/api/orders/"):
            self._say(200, self.shop.orders.get(url.path.rpartition("/")[2], {}))
        elif url.path == "/api/listings":
            query = parse_qs(url.query).get("q", ["nothing"])[0]
            try:
                rows = self.shop.database.execute(f"SELECT id FROM listings WHERE title LIKE '%{query}%'").fetchall()
            except (sqlite3.Error, sqlite3.Warning):
                self._say(500, {"error": "sql"})
                return
            self._say(200, {"items": [{"id": row[0]} for row in rows]})
        else:
            self._say(404, {"error": "nothing"})

    def _post(self, path: str, body: dict[str, Any]) -> None:
        name, password = str(body.get("username")), str(body.get("password"))
        if path == "/api/register":
            taken = name in self.shop.accounts
            self.shop.accounts.setdefault(name, password)
            self._say(409 if taken else 201, {"id": name})
        elif path == "/api/login":
            known = self.shop.accounts.get(name)
            if known != password:
                self._say(401, {"error": "wrong password" if known else "no such user"})
                return
            token = self._cookie() or secrets.token_hex(16)
            self.shop.sessions[token] = name
            self._say(200, {"token": token, "account_id": name, "expires_at": time.time() + 400 * 86_400})
        elif path == "/api/logout":
            self._say(200, {})
        elif path == "/api/listings":
            listing = secrets.token_hex(8)
            self.shop.database.execute("INSERT INTO listings VALUES (?, ?)", (listing, body["title"]))
            self._say(201, {"id": listing})
        elif path.endswith("/order"):
            order = {"id": secrets.token_hex(8), "state": "created"}
            self.shop.orders[order["id"]] = order
            self._say(201, order)
        elif path.startswith("/api/orders/"):
            order = self.shop.orders[path.split("/")[3]]
            order["state"] = path.rpartition("/")[2]
            self._say(200, order)
        else:
            self._say(404, {})

    def _cookie(self) -> str:
        return str(self.headers.get("Cookie") or "").partition("session=")[2]

    def _who(self) -> str | None:
        token = str(self.headers.get("Authorization") or "").removeprefix("Bearer ") or self._cookie()
        return self.shop.sessions.get(token)

    def _say(self, status: int, said: object) -> None:
        data = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("X-Asked", unquote(self.path))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def open_shop(certificate: Path, key: Path) -> Iterator[tuple[int, Shop]]:
    """The marketplace, behind TLS on a port of loopback."""
    shop = Shop()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisShop", (Leaky,), {"shop": shop}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.socket.settimeout(5)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port, shop
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        shop.database.close()


def dial(port: int, _: str | None) -> socket.socket:
    """A connection to a port of loopback, from wherever."""
    return socket.create_connection(("127.0.0.1", port), 5)
