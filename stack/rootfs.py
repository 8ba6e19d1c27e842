"""Comes by Debian's file system, on which every image of ours stands, with or without an image registry.

Standard library only.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from stack import debian
from stack.command import run
from stack.errors import UserError
from stack.progress import Progress
from stack.pulling import Unobtainable, pull

PULLED = "debian:trixie-slim"
MADE = "seatrial/rootfs:local"
# What debian:trixie-slim leaves out too: nobody reads manuals in a container. Copyrights stay, by Debian's policy.
_WITHOUT = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*")


def obtain_rootfs(progress: Progress) -> str:
    """Return the reference of a Debian 13 image: pulled where a registry answers quickly, else made here.

    Raises:
        UserError: neither works; one sentence.

    """
    if run(["docker", "image", "inspect", MADE], within_seconds=20).ok:
        return MADE
    try:
        with progress.step(f"pulling {PULLED}"):
            pull(PULLED)
    except Unobtainable as reason:
        return _make(progress, str(reason))
    return PULLED


def _make(progress: Progress, reason: str) -> str:
    progress.say(f"{PULLED} can't be pulled ({reason}): making Debian's file system here")
    if run(["mmdebstrap", "--version"], within_seconds=20).code == 127:
        debian.install(["mmdebstrap"], progress, why=f"a base image ({PULLED} can't be pulled: {reason})")
    with progress.step("making Debian's file system"), tempfile.TemporaryDirectory(prefix="seatrial-rootfs-") as folder:
        archive = Path(folder) / "rootfs.tar"
        _bootstrap(archive, Path(folder))
        answer = run(["docker", "import", str(archive), MADE], within_seconds=120)
        if not answer.ok:
            message = f"the engine did not take the base file system: {answer.last_words()}"
            raise UserError(message)
    return MADE


def _bootstrap(archive: Path, folder: Path) -> None:
    """Make a minimal Debian 13, by this machine's own mirror where its sources name one."""
    options = [f"--dpkgopt=path-exclude={path}" for path in _WITHOUT]
    options.append("--dpkgopt=path-include=/usr/share/doc/*/copyright")
    sources = debian.derived_sources(Path("/etc/apt"), debian.release().get("VERSION_CODENAME", ""))
    mirror: list[str] = []
    if sources:
        file = folder / f"{debian.NEWER_RELEASE}.sources"
        file.write_text(sources, encoding="utf-8")
        mirror = [str(file)]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", *options, debian.NEWER_RELEASE, str(archive), *mirror]
    answer = run(command, within_seconds=600, env={"TMPDIR": str(folder)})
    if not answer.ok:
        message = f"mmdebstrap could not make Debian's file system: {answer.last_words()}"
        raise UserError(message)
