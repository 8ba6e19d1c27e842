"""Debian packages that set-up needs on the host, taken without disturbing what the host already has.

Standard library only. Where the host's own release is too old (bookworm's engine is 20.10), packages come from trixie by
a source that is derived from the machine's own (same mirror, same key, the suite replaced) and pinned at 100: nothing
else is upgraded from it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from stack.command import run
from stack.errors import UserError
from stack.progress import Progress

NEWER_RELEASE = "trixie"
SOURCE_FILE = "sources.list.d/seatrial-trixie.sources"
PIN_FILE = "preferences.d/seatrial-trixie"
# The star is for the security suite, whose code name is `trixie-security`: unpinned it would upgrade the whole host.
PIN = f"""Explanation: only what is asked for by name comes from {NEWER_RELEASE}; see stack/debian.py of Seatrial
Package: *
Pin: release n={NEWER_RELEASE}*
Pin-Priority: 100
"""
_UNATTENDED = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
_APT = ("apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120")
_STANZA = re.compile(r"\n\s*\n")


def is_debian_like() -> bool:
    """Whether packages can be installed with apt-get here."""
    return shutil.which("apt-get") is not None


def release() -> dict[str, str]:
    """Return /etc/os-release as a mapping; empty where there is none."""
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {key: value.strip("\"'") for key, separator, value in (line.partition("=") for line in lines) if separator}


def derived_sources(etc_apt: Path, codename: str) -> str:
    """Return deb822 sources for the newer release, from the machine's own sources of `codename` below `etc_apt`.

    Only the distribution's own suites count (`bookworm`, `bookworm-updates`, `bookworm-security`), since other vendors'
    need not exist for another release. Empty when there is none.
    """
    wanted = {codename, f"{codename}-updates", f"{codename}-security"}
    stanzas: list[str] = []
    for file in sorted([etc_apt / "sources.list", *(etc_apt / "sources.list.d").glob("*")]):
        if file.suffix not in {".list", ".sources"} or not file.is_file() or file == etc_apt / SOURCE_FILE:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found = _deb822(text) if file.suffix == ".sources" else _one_line(text)
        for fields in found:
            suites = [suite for suite in fields.get("suites", "").split() if suite in wanted]
            ours = "debian" in fields.get("signed-by", "debian").rsplit("/", 1)[-1]
            if not suites or not ours or "deb" not in fields.get("types", "").split() or fields.get("enabled") == "no":
                continue
            lines = ["Types: deb", f"URIs: {fields['uris']}"]
            lines.append("Suites: " + " ".join(suite.replace(codename, NEWER_RELEASE) for suite in suites))
            lines.append("Components: main")
            lines += [f"Signed-By: {fields['signed-by']}"] if "signed-by" in fields else []
            stanzas.append("\n".join(lines) + "\n")
    return "\n".join(stanzas)


def _deb822(text: str) -> Iterable[dict[str, str]]:
    for stanza in _STANZA.split(text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')}\n{line}".strip("\n")
            else:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        yield fields


def _one_line(text: str) -> Iterable[dict[str, str]]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<rest>.+)", line)
        if match:
            fields = {"types": "deb", "uris": match["uri"], "suites": match["suite"], "components": match["rest"]}
            for option in (match["options"] or "").split():
                key, _, value = option.partition("=")
                fields[key.lower()] = value
            yield fields


def candidate(package: str) -> str | None:
    """Return the version that apt would install of `package`, or None when it knows none."""
    answer = run(["apt-cache", "policy", package], within_seconds=60)
    match = re.search(r"Candidate: (\S+)", answer.output)
    return match[1] if match and match[1] != "(none)" else None


def is_installed(package: str) -> bool:
    """Whether dpkg has `package` installed and configured."""
    answer = run(["dpkg-query", "-W", "-f", "${Status}", package], within_seconds=30, merge=False)
    return answer.ok and answer.output.endswith("install ok installed")


def add_newer_release(progress: Progress, etc_apt: Path = Path("/etc/apt")) -> None:
    """Make packages of the newer release installable by name, pinned so that nothing else moves to it.

    Raises:
        UserError: this machine's own sources name no suite to derive it from, or the mirror does not have it.

    """
    codename = release().get("VERSION_CODENAME", "")
    sources = derived_sources(etc_apt, codename)
    if not sources:
        message = f"apt's sources name no suite of {codename or 'this release'} to derive {NEWER_RELEASE}'s from"
        raise UserError(message)
    (etc_apt / PIN_FILE).write_text(PIN, encoding="utf-8")
    file = etc_apt / SOURCE_FILE
    file.write_text(
        f"# Made by Seatrial (stack/debian.py) from this machine's own sources.\n{sources}", encoding="utf-8"
    )
    with progress.step(f"reading {NEWER_RELEASE}'s package lists"):
        # Only this file: the lists that the host already has stay as they are.
        only = ("-o", f"Dir::Etc::sourcelist={file}", "-o", "Dir::Etc::sourceparts=-", "-o", "APT::Get::List-Cleanup=0")
        answer = run([*_APT, "update", *only], within_seconds=180, env=_UNATTENDED)
    if not answer.ok:
        file.unlink()
        (etc_apt / PIN_FILE).unlink()
        message = f"apt-get could not read {NEWER_RELEASE}'s package lists: {answer.last_words()}"
        raise UserError(message)


def install(packages: Sequence[str], progress: Progress, *, why: str) -> None:
    """Install Debian packages (`name` or `name/suite`) without recommendations; nothing else is upgraded.

    Raises:
        UserError: not root, not a Debian-like system, no room, or apt-get refused; one sentence each.

    """
    plain = [package.split("/", 1)[0] for package in packages]
    if not is_debian_like():
        message = f"{why} needs {', '.join(plain)}, and this system has no apt-get: install them by its own means"
        raise UserError(message)
    if os.geteuid() != 0:
        message = f"{why} needs {', '.join(plain)}: run this as root, or `apt-get install {' '.join(plain)}` first"
        raise UserError(message)
    if any(candidate(package) is None for package in plain):
        with progress.step("reading the package lists"):
            update()
    with progress.step(f"installing {' '.join(plain)}"):
        command = [*_APT, "install", "--no-install-recommends", *packages]
        answer = run(command, within_seconds=900, env=_UNATTENDED)
    if not answer.ok:
        message = f"apt-get could not install {' '.join(plain)}: {answer.last_words()}"
        raise UserError(message)


def update() -> None:
    """Read the package lists of all of the machine's sources anew.

    Raises:
        UserError: none of them could be read.

    """
    answer = run([*_APT, "update"], within_seconds=300, env=_UNATTENDED)
    if not answer.ok:
        message = f"apt-get update failed: {answer.last_words()}"
        raise UserError(message)
