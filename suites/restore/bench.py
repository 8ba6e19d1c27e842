"""A workbench: backups of the running stack in a folder of the host, to be damaged and restored without touching the stack."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stack.errors import CannotTell, UserError
from stack.model import Stack
from stack.ops import one_shot
from stack.ops.command import Refused
from stack.ops.rescue_database import facts_of
from suites.restore.guide import command
from suites.restore.writing import backup_service

SERVER_UID = 10102
DATABASE = "market.db"


@dataclass(frozen=True)
class Bench:
    """Two folders: `backups` holds copies of one finished backup, `data` is where it is restored to."""

    stack: Stack
    folder: Path
    archive: str
    keys: one_shot.Handover

    @property
    def backups(self) -> Path:
        """The folder of the archives."""
        return self.folder / "backups" / "database"

    @property
    def data(self) -> Path:
        """The folder of the database."""
        return self.folder / "data"

    def restore(self, *, keys: one_shot.Handover | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Restore here, in the product's own one-shot container.

        Raises:
            Refused: with the container's sentence.

        """
        place = one_shot.Place(str(self.folder / "backups"), str(self.data))
        done = one_shot.restore(
            self.stack.driver, keys or self.keys, place, backup=self.archive, dry_run=dry_run
        )
        return facts_of(done.stdout, done.stderr, done.code)

    def refusal(self, *, keys: one_shot.Handover | None = None) -> str:
        """What a restore is refused with; empty when it was not refused."""
        try:
            self.restore(keys=keys)
        except (Refused, UserError) as refused:
            return str(refused)
        return ""

    def fingerprint(self) -> dict[str, str]:
        """Every file beside the database with its checksum: equal before and after means untouched."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(self.data.iterdir())
        }

    def with_archive(self, content: bytes) -> Bench:
        """A bench of the same keys whose archive has another content; its manifest stays."""
        fresh = replace(self, folder=Path(tempfile.mkdtemp(prefix="other-", dir=self.folder)))
        shutil.copytree(self.folder / "backups", fresh.folder / "backups")
        shutil.copytree(self.data, fresh.data)
        (fresh.backups / self.archive).write_bytes(content)
        own(fresh.folder)
        return fresh

    @property
    def content(self) -> bytes:
        """The archive's bytes."""
        return (self.backups / self.archive).read_bytes()


@contextmanager
def bench_of(stack: Stack, archive: str) -> Iterator[Bench]:
    """Copy one backup of the stack out of its volume; all of it is gone after the block.

    Raises:
        CannotTell: the engine is on another machine, or the backup can't be read.

    """
    if not stack.driver.is_local():
        raise CannotTell("the engine is on another machine: its backups can't be put on a bench here")
    folder = Path(tempfile.mkdtemp(prefix="seatrial-bench-"))
    try:
        bench = Bench(stack, folder, archive, one_shot.handover_of(stack))
        bench.backups.mkdir(parents=True)
        bench.data.mkdir()
        own(folder)
        names = " ".join(f"/from/database/{archive}{suffix}" for suffix in ("", ".json"))
        done: Any = stack.driver.run_helper(
            ["cp", "--", *names.split(), "/to/"],
            image=one_shot.IMAGE,
            user=one_shot.SERVER_USER,
            network="none",
            mounts=[
                f"type=volume,source={one_shot.place_of(stack.project).backups},target=/from,readonly",
                f"type=bind,source={bench.backups},target=/to",
            ],
        )
        if done.code != 0:
            raise CannotTell(f"the backup {archive} can't be copied: {done.last_words()}")
        yield bench
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def newest_of(stack: Stack) -> str:
    """The newest database backup by its archive's name: what a drill in another process has for its bench.

    Raises:
        CannotTell: there is none, or they can't be listed.

    """
    service = stack.container(backup_service(stack))
    done = service.exec(["python", *command("list-backups"), "--json"], timeout_seconds=60)
    if done.code != 0:
        raise CannotTell(f"the backups can't be listed: {done.last_words()}")
    found = json.loads(done.stdout)["backups"]
    if not found:
        raise CannotTell(f"{stack.project}: there is no database backup yet")
    return str(found[0]["archive"])


def own(folder: Path) -> None:
    """Give a bench to the server's user, as a volume is."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SERVER_UID, SERVER_UID)
