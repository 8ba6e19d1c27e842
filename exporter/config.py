"""Reads the configuration, so that a mistake in it is one sentence with its place and not a traceback."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class ConfigError(Exception):
    """The configuration is unusable; the message is one sentence."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A JSON-RPC server, with a digest login where it wants one."""

    name: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to ask, how long to wait for it, and where to serve the answer."""

    wallets: tuple[Endpoint, ...]
    daemon: Endpoint | None = None
    timeout_seconds: float = 3.0
    address: str = "0.0.0.0"  # who reaches it is decided by the network it is put in
    port: int = 9101

    @classmethod
    def load(cls, path: Path) -> "Config":
        """Read a TOML file and the password files that it names. Raises ConfigError."""
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"Cannot read {path}: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}.") from error
        _known(document, {"wallets", "daemon", "timeout_seconds", "address", "port"}, str(path))
        tables = document.get("wallets")
        if not isinstance(tables, list) or not tables:
            raise ConfigError(f"{path}: expected at least one [[wallets]] table.")
        wallets = tuple(_endpoint(table, f"{path}: wallets[{number}]") for number, table in enumerate(tables))
        names = [wallet.name for wallet in wallets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"{path}: wallet name {twice[0]!r} is used twice.")
        daemon = document.get("daemon")
        if daemon is not None:
            daemon = _endpoint({"name": "daemon", **daemon} if isinstance(daemon, dict) else daemon, f"{path}: daemon")
        return cls(
            wallets=wallets,
            daemon=daemon,
            timeout_seconds=_number(document, "timeout_seconds", 3.0, 0.05, 60, str(path)),
            address=_text(document, "address", str(path), default=cls.address),
            port=int(_number(document, "port", 9101, 1, 65535, str(path))),
        )


def _endpoint(table: Any, where: str) -> Endpoint:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: expected a table.")
    _known(table, {"name", "url", "username", "password_file"}, where)
    url = _text(table, "url", where)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or "@" in url:
        raise ConfigError(f"{where}: url must be http://host:port without a login, found {url!r}.")
    username = _text(table, "username", where, default="")
    password = ""
    if username:
        file = Path(_text(table, "password_file", where))
        try:
            password = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{where}: cannot read password_file {file} ({type(error).__name__}).") from error
        if not password:
            raise ConfigError(f"{where}: password_file {file} is empty.")
    return Endpoint(name=_text(table, "name", where), url=url.rstrip("/"), username=username, password=password)


def _text(table: dict[str, Any], key: str, where: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or (default is None and not value):
        raise ConfigError(f"{where}: {key} must be a text, found {value!r}.")
    return value


def _number(table: dict[str, Any], key: str, default: float, low: float, high: float, where: str) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{where}: {key} must be a number from {low:g} to {high:g}, found {value!r}.")
    return value


def _known(table: dict[str, Any], keys: set[str], where: str) -> None:
    if unknown := sorted(set(table) - keys):
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}, expected one of {', '.join(sorted(keys))}.")
