"""Backs up to and restores on a disk that is full at one stage after the other; prints what each did. Runs in the image.

The good backup is in /backups/database and its database in /data; /small is a disk of its own. Keys come as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OPS = [sys.executable, "-m", "stack.ops"]
SMALL, GOOD, DATABASE = Path("/small"), Path("/backups/database"), Path("/data/market.db")
FILLER = SMALL / "filler"
PAGE = 4096


def main() -> None:
    """Try every stage, and last with room enough."""
    keys = json.load(sys.stdin)
    secret = Path("/tmp/secret")
    secret.write_text(keys["secret"])
    archive = max(path.stat().st_size for path in GOOD.glob("*.gpg"))
    size = DATABASE.stat().st_size
    found = []
    kept = SMALL / "backups"
    shutil.copytree(GOOD, kept)
    backup = [*OPS, "backup-database", "--to", str(kept), "--database", str(DATABASE), "--key-file", str(secret)]
    backup += ["--public-key", "/keys/public.asc", "--metrics", "/none"]
    stages = {"before the copy": 0, "in the copy": size // 2, "in the encryption": size + archive // 2}
    stages |= {"at the manifest": _pages(size) + _pages(archive)}
    for stage, free in stages.items():
        found.append(_tried("backup", stage, backup, "", free, kept))
    found.append(_tried("backup", "", backup, "", None, kept))
    shutil.rmtree(kept)

    live = SMALL / "data"
    live.mkdir()
    shutil.copyfile(DATABASE, live / DATABASE.name)
    restore = [*OPS, "restore-database", "--from", str(GOOD), "--database", str(live / DATABASE.name), "--keys-on-stdin"]
    for stage, free in {"before the decryption": 0, "in the decryption": size // 2}.items():
        found.append(_tried("restore", stage, restore, json.dumps(keys), free, live))
    found.append(_tried("restore", "", restore, json.dumps(keys), None, live))
    print(json.dumps(found))


def _pages(size: int) -> int:
    return -(-size // PAGE) * PAGE


def _tried(what: str, stage: str, argv: list[str], stdin: str, free: int | None, folder: Path) -> dict[str, object]:
    """Run a command with `free` bytes left on the disk (None: all there are)."""
    before = _digests(folder)
    if free is not None:
        _fill(free)
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    FILLER.unlink(missing_ok=True)
    after = _digests(folder)
    return {
        "what": what,
        "stage": stage,
        "code": done.returncode,
        "said": done.stderr.strip(),
        "untouched": all(after.get(name) == digest for name, digest in before.items()),
        "left": sorted(set(after) - set(before) - {".lock"}),
    }


def _fill(free: int) -> None:
    with FILLER.open("wb", buffering=0) as stream:
        try:
            while stream.write(b"\0" * 65536):
                pass
        except OSError:
            stream.truncate(max(0, FILLER.stat().st_size - free))


def _digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and os.access(path, os.R_OK)]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    main()
