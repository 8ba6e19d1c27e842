"""Kills a backup or a restore at evenly spaced moments of its run, and prints what each left behind. Runs in the image.

The good backup is in /backups/database; /data has a live database that is newer than it. Keys come as JSON, the command
and the number of moments as arguments.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

OPS = [sys.executable, "-m", "stack.ops"]
GOOD, LIVE = Path("/backups/database"), Path("/data/market.db")
KEPT, DATA = Path("/tmp/backups"), Path("/tmp/data")


def main() -> None:
    """Measure the whole run once, then kill it `points` times on the way, and let it end once more."""
    what, points, keys = sys.argv[1], int(sys.argv[2]), sys.stdin.read()
    secret = Path("/tmp/secret")
    secret.write_text(json.loads(keys)["secret"])
    backup = [*OPS, "backup-database", "--to", str(KEPT), "--database", str(DATA / LIVE.name), "--key-file", str(secret)]
    backup += ["--public-key", "/keys/public.asc", "--metrics", "/none"]
    restore = [*OPS, "restore-database", "--from", str(KEPT), "--database", str(DATA / LIVE.name), "--keys-on-stdin"]
    argv, stdin = (backup, "") if what == "backup" else ([*restore, _newest()], keys)
    _put_back()
    began = time.monotonic()
    whole = _ended(_begun(argv, stdin))
    seconds = time.monotonic() - began
    found = []
    for point in range(points):
        _put_back()
        before = _state()
        after_seconds = seconds * (point + 0.5) / points
        process = _begun(argv, stdin)
        threading.Event().wait(after_seconds)
        ended = process.poll() is not None
        os.killpg(process.pid, signal.SIGKILL) if not ended else None
        process.wait()
        found.append({"after": round(after_seconds, 3), "ended": ended, "before": before, "now": _state()})
    _put_back(sweep=False)
    again = _ended(_begun(argv, stdin))
    left = sorted(path.name for folder in (KEPT, DATA) for path in folder.glob(".[mr]*-*"))
    verified = subprocess.run([*OPS, "verify-backups", "--in", str(KEPT)], capture_output=True, text=True, check=False)
    told = {"seconds": seconds, "whole": whole, "kills": found, "again": again, "left": left}
    print(json.dumps({**told, "verified": verified.returncode, "verify_said": verified.stdout.strip()}))


def _newest() -> str:
    return max(path.name for path in GOOD.glob("*.gpg"))


def _put_back(*, sweep: bool = True) -> None:
    """Begin as before the first: the good backup, the live database. What a killed run left stays for the next one."""
    KEPT.mkdir(exist_ok=True)
    DATA.mkdir(exist_ok=True)
    for path in GOOD.iterdir():
        shutil.copyfile(path, KEPT / path.name)
    if sweep:
        shutil.copyfile(LIVE, DATA / LIVE.name)


def _begun(argv: list[str], stdin: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    process.stdin.write(stdin.encode())
    process.stdin.close()
    return process


def _ended(process: subprocess.Popen[bytes]) -> str:
    """What a run that was left alone complained of; empty when it did its work."""
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip()
    return "" if process.wait() == 0 else said or f"exit code {process.returncode}"


def _state() -> dict[str, str]:
    good = [KEPT / path.name for path in GOOD.iterdir() if path.name[0] != "."]
    files = [*good, DATA / LIVE.name]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "gone" for path in files}


if __name__ == "__main__":
    main()
