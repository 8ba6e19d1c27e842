"""Makes, keeps and hands out the stack's secrets: encrypted with SOPS and age at rest, one file per consumer at run time.

Compose ignores uid, gid and mode of file secrets, and `environment:` secrets fail on a read-only root. So every consumer
gets a folder of its own with files that only its uid can read, below a folder that only root can enter.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets as entropy
import shutil
import string
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack import backup_key
from stack.errors import UserError
from stack.files import private_folder, write_whole

WALLETS = ("buyer", "vendor", "arbiter")
RPC_USER = "seatrial"

NAMES: tuple[str, ...] = (
    "GRAFANA_ADMIN_PASSWORD",
    "DATABASE_PASSWORD",
    "BACKUP_GPG_PASSPHRASE",
    "SESSION_SECRET",
    *(f"WALLET_{wallet.upper()}_RPC_PASSWORD" for wallet in WALLETS),
    *(f"WALLET_{wallet.upper()}_PASSWORD" for wallet in WALLETS),
)

#: Secrets under which data already lies encrypted: a new value alone would lock its owner out.
LOCKS_DATA: Mapping[str, str] = {
    "DATABASE_PASSWORD": "the database is encrypted under it",
    "BACKUP_GPG_PASSPHRASE": "the backup private key is locked with it",
    **{f"WALLET_{wallet.upper()}_PASSWORD": f"the {wallet}'s wallet file is locked with it" for wallet in WALLETS},
}

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 32  # 62^32 is 190 bits: beyond the 128 that SEC-SEC-004 asks for, and safe in any configuration syntax


@dataclass(frozen=True)
class Consumer:
    """A service that reads secrets: under which uid, and which names by value."""

    service: str
    uid: int
    names: tuple[str, ...] = ()
    wallet: str | None = None


_RPC = tuple(f"WALLET_{wallet.upper()}_RPC_PASSWORD" for wallet in WALLETS)
_SERVER = ("DATABASE_PASSWORD", "SESSION_SECRET", *_RPC)

CONSUMERS: tuple[Consumer, ...] = (
    Consumer("server-blue", 10102, _SERVER),
    Consumer("server-green", 10102, _SERVER),
    Consumer("monero-wallet-rpc-buyer", 10104, ("WALLET_BUYER_PASSWORD",), "buyer"),
    Consumer("monero-wallet-rpc-vendor", 10105, ("WALLET_VENDOR_PASSWORD",), "vendor"),
    Consumer("monero-wallet-rpc-arbiter", 10106, ("WALLET_ARBITER_PASSWORD",), "arbiter"),
    Consumer("monero-exporter", 10113, _RPC),
    Consumer("grafana", 472, ("GRAFANA_ADMIN_PASSWORD",)),
    Consumer("backup-database", 10102, ("DATABASE_PASSWORD",)),
    Consumer("backup-wallets", 10117, _RPC),
)


@dataclass(frozen=True)
class Places:
    """Where secrets live in a clone of the project."""

    root: Path

    @property
    def operator(self) -> Path:
        """The operator's folder: keys that no running service is given."""
        return self.root / ".operator"

    @property
    def age_key(self) -> Path:
        """The age identity that opens the secrets file."""
        return self.operator / "age.key"

    @property
    def encrypted(self) -> Path:
        """The secrets file, encrypted value by value."""
        return self.root / "stack" / "secrets.enc.yaml"


def ensure(root: Path) -> bool:
    """Make the age key, the secrets and the backup key where they are missing; answer whether anything was made.

    Raises `UserError` when the encrypted file is there and its key is not: new secrets would lock old data away for good.
    """
    places = Places(root)
    private_folder(places.operator)
    if places.encrypted.exists() and not places.age_key.exists():
        message = (
            f"{places.encrypted} is there but {places.age_key}, which opens it, is not: "
            "put the key back, or remove the file to begin with new secrets"
        )
        raise UserError(message)
    made = False
    if not places.age_key.exists():
        _make_age_key(places.age_key)
        made = True
    if not places.encrypted.exists():
        encrypt(root, {name: strong() for name in NAMES})
        made = True
    if not backup_key.exists(root):
        backup_key.make(root, passphrase=decrypt(root)["BACKUP_GPG_PASSPHRASE"])
        made = True
    return made


def strong() -> str:
    """Draw a new random secret of 190 bits."""
    return "".join(entropy.choice(_ALPHABET) for _ in range(_LENGTH))


def recipient(root: Path) -> str:
    """Answer the public age recipient of the operator's key."""
    import pyrage  # here: reading needs the standard library alone

    key = Places(root).age_key
    lines = [line for line in key.read_text().splitlines() if line.startswith("AGE-SECRET-KEY-")]
    if not lines:
        message = f"{key} holds no age secret key"
        raise UserError(message)
    return str(pyrage.x25519.Identity.from_str(lines[0]).to_public())


def encrypt(root: Path, values: Mapping[str, str]) -> None:
    """Encrypt `values` with sops to the operator's age key and replace the secrets file whole; raises as `check` does."""
    check(values)
    plain = json.dumps({name: values[name] for name in NAMES})
    argv = ["encrypt", "--age", recipient(root), "--input-type", "json", "--output-type", "yaml", "/dev/stdin"]
    write_whole(Places(root).encrypted, _sops(root, argv, stdin=plain), mode=0o644)


def check(values: Mapping[str, str]) -> None:
    """Raise `UserError` for unknown or missing names and for empty values."""
    if unknown := sorted(set(values) - set(NAMES)):
        message = f"unknown secret {', '.join(unknown)}: the stack knows {', '.join(NAMES)}"
        raise UserError(message)
    if missing := [name for name in NAMES if not values.get(name)]:
        message = f"no value for {', '.join(missing)}"
        raise UserError(message)


def decrypt(root: Path, *, age_key: Path | None = None, encrypted: Path | None = None) -> dict[str, str]:
    """Open the secrets file with the operator's age key (or another file, another key given) and answer name → value.

    Raises `UserError` when file or key are missing, or do not belong together.
    """
    places = Places(root)
    key, file = age_key or places.age_key, encrypted or places.encrypted
    for needed in (file, key):
        if not needed.exists():
            message = f"{needed} is missing: `python -m stack.ops secrets init` makes it"
            raise UserError(message)
    argv = ["decrypt", "--input-type", "yaml", "--output-type", "json", str(file)]
    answer = json.loads(_sops(root, argv, key=key))
    return {name: str(value) for name, value in answer.items()}


def rotate(root: Path, names: Iterable[str], *, dry_run: bool = False) -> list[str]:
    """Give each of `names` a new value (unless `dry_run`) and answer the services to be rendered again and restarted.

    Raises `UserError` for a name that locks data: that needs the data re-keyed in the same step.
    """
    chosen = tuple(names)
    values = decrypt(root)
    for name in chosen:
        if name not in NAMES:
            message = f"unknown secret {name}: the stack knows {', '.join(NAMES)}"
            raise UserError(message)
        if name in LOCKS_DATA:
            message = f"{name} is not rotated by itself: {LOCKS_DATA[name]}"
            raise UserError(message)
    if not dry_run:
        encrypt(root, values | {name: strong() for name in chosen})
    touched = {_wallet_of(name) for name in chosen}
    return [c.service for c in CONSUMERS if set(c.names) & set(chosen) or (c.wallet and c.wallet in touched)]


def edit(root: Path) -> None:
    """Open the secrets file in `$EDITOR` through sops, which encrypts again what was changed."""
    program = _program()
    environment = os.environ | {"SOPS_AGE_KEY_FILE": str(Places(root).age_key)}
    if subprocess.run([program, "edit", str(Places(root).encrypted)], env=environment, check=False).returncode not in (0, 200):
        message = "sops could not edit the secrets file"  # 200: nothing was changed
        raise UserError(message)


def render(values: Mapping[str, str], state: Path) -> Path:
    """Write one folder per consumer below `state`/secrets (0700, root's), files 0400 of the consumer's uid.

    Folders are kept and files replaced by a rename, so that a running container's mount shows the new value.
    """
    top = private_folder(state / "secrets")
    for consumer in CONSUMERS:
        folder = private_folder(top / consumer.service, mode=0o500, owner=consumer.uid)
        wanted = _files(consumer, values)
        for name, content in wanted.items():
            if not _holds(folder / name, content):
                write_whole(folder / name, content, mode=0o400, owner=consumer.uid)
        for stale in set(folder.iterdir()) - {folder / name for name in wanted}:
            stale.unlink()
    return top


def forget(state: Path) -> None:
    """Remove what `render` wrote; harmless when there is nothing."""
    shutil.rmtree(state / "secrets", ignore_errors=True)


def fingerprint(values: Mapping[str, str], purpose: str, names: Iterable[str]) -> str:
    """Answer a short digest that changes with the named secrets and tells nothing about them (HMAC-SHA256 per name)."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(hmac.new(values[name].encode(), purpose.encode(), hashlib.sha256).digest())
    return digest.hexdigest()[:16]


def _files(consumer: Consumer, values: Mapping[str, str]) -> dict[str, str]:
    files = {name: values[name] for name in consumer.names}
    if consumer.wallet:
        # monero-wallet-rpc takes its digest login from a configuration file only, and curl from a file of its own.
        password = values[f"WALLET_{consumer.wallet.upper()}_RPC_PASSWORD"]
        files["wallet-rpc.conf"] = f"rpc-login={RPC_USER}:{password}\n"
        files["health.curlrc"] = f'digest\nuser = "{RPC_USER}:{password}"\n'
    return files


def _holds(path: Path, content: str) -> bool:
    try:
        return path.read_text() == content
    except OSError:
        return False


def _wallet_of(name: str) -> str | None:
    return next((wallet for wallet in WALLETS if name == f"WALLET_{wallet.upper()}_RPC_PASSWORD"), None)


def _make_age_key(path: Path) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    write_whole(path, f"# public key: {identity.to_public()}\n{identity}\n", mode=0o400)


def _program() -> str:
    beside = Path(sys.executable).parent / "sops"
    found = str(beside) if beside.exists() else shutil.which("sops")
    if found is None:
        message = "sops is not installed: `make venv` installs it"
        raise UserError(message)
    return found


def _sops(root: Path, argv: list[str], *, stdin: str = "", key: Path | None = None) -> str:
    # The user's own sops configuration must not choose other keys: an empty one is named, and only our key is offered.
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": os.devnull, "SOPS_DISABLE_VERSION_CHECK": "1"}
    if key is not None:
        environment["SOPS_AGE_KEY_FILE"] = str(key)
    done = subprocess.run(
        [_program(), "--config", os.devnull, *argv] if argv[0] == "encrypt" else [_program(), *argv],
        input=stdin, capture_output=True, text=True, env=environment, cwd=root, check=False, timeout=60,
    )
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[-300:] or f"exit code {done.returncode}"
        message = f"sops could not {argv[0]} the secrets: {reason}"
        raise UserError(message)
    return done.stdout
