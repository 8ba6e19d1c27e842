"""One place that knows the environment, so that a wrong setting is one sentence at start and not a traceback later."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

TRIPLE = ("buyer", "vendor", "arbiter")


class SettingsError(Exception):
    """A setting is missing or wrong; the message is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the server can be told. Secrets are held here and nowhere else; `repr` hides them."""

    database: Path
    database_key: str = field(repr=False)
    session_secret: bytes = field(repr=False)
    colour: str = "server"
    host: str = "0.0.0.0"  # the container's own network namespace: compose decides who reaches it
    port: int = 8000
    wallets: Mapping[str, str] = field(default_factory=dict)
    """Name → URL of what must answer before an order may be taken."""
    wallet_passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Name → password of the RPC login of the wallets that hold escrows: buyer, vendor and arbiter."""
    session_lifetime_seconds: int = 12 * 3600
    drain_seconds: float = 1.0
    """How long after SIGTERM new requests are still answered (with `Connection: close`) before the socket closes."""
    busy_timeout_seconds: float = 5.0
    max_body_bytes: int = 64 * 1024
    max_body_seconds: float = 10.0
    """In how many seconds the whole of a body must have come."""

    @property
    def holds_escrows(self) -> bool:
        """Whether it was told of a daemon and of three wallets with their logins."""
        return self.wallets.keys() >= {*TRIPLE, "daemon"} and self.wallet_passwords.keys() >= {*TRIPLE}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment. Secrets come from files named by it, never from it. Raises SettingsError."""
        env = os.environ if environment is None else environment
        secret = _secret(env, "SESSION_SECRET_FILE")
        if len(secret) < 16:
            raise SettingsError("SESSION_SECRET_FILE holds fewer than 16 characters, too few to protect sessions.")
        return cls(
            database=Path(env.get("SEATRIAL_DATABASE", "/data/market.db")),
            database_key=_secret(env, "DATABASE_PASSWORD_FILE"),
            session_secret=secret.encode(),
            colour=env.get("SEATRIAL_COLOUR", "server"),
            port=int(_number(env, "SEATRIAL_PORT", 8000, 1, 65535)),
            wallets=_wallets(env.get("SEATRIAL_WALLETS", "")),
            wallet_passwords={
                name: _secret(env, variable)
                for name in TRIPLE
                if env.get(variable := f"WALLET_{name.upper()}_RPC_PASSWORD_FILE")
            },
            session_lifetime_seconds=int(_number(env, "SEATRIAL_SESSION_SECONDS", 12 * 3600, 1, 30 * 86400)),
            max_body_seconds=_number(env, "SEATRIAL_BODY_SECONDS", 10.0, 0.1, 60),
            drain_seconds=_number(env, "SEATRIAL_DRAIN_SECONDS", 1.0, 0, 60),
        )


def _secret(env: Mapping[str, str], name: str) -> str:
    path = env.get(name)
    if not path:
        raise SettingsError(f"{name} is not set: it names the file that holds the secret.")
    try:
        value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name}: cannot read {path} ({type(error).__name__}).") from error
    if not value or "\0" in value:
        raise SettingsError(f"{name}: {path} is empty or holds a NUL character.")
    return value


def _number(env: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    text = env.get(name, str(default))
    try:
        value = float(text)
    except ValueError as error:
        raise SettingsError(f"{name}: expected a number from {low} to {high}, found {text!r}.") from error
    if not low <= value <= high:
        raise SettingsError(f"{name}: expected a number from {low} to {high}, found {text!r}.")
    return value


def _wallets(text: str) -> dict[str, str]:
    wallets: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, _, url = item.partition("=")
        parts = urlsplit(url)
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name) or parts.scheme != "http" or not parts.hostname:
            raise SettingsError(f"SEATRIAL_WALLETS: expected name=http://host:port, found {item!r}.")
        wallets[name] = url
    return wallets
