"""Judges what is left of a fault with the machine's own tools alone: docker, iptables-save, tc, ip, losetup, /proc and hashes.

Nothing of Seatrial is imported, so that what Seatrial overlooks is not overlooked here for the same reason.

    python chaos/campaign/judge.py snapshot PROJECT > before.json
    python chaos/campaign/judge.py compare before.json PROJECT [SECONDS]

`compare` looks again until nothing differs or SECONDS (default 30) are over, since a restarted service takes its time to be
well; it prints each difference and leaves with 1 when there are any. A tool that fails or is missing is asked again for a
while, then the stack can't be judged: exit code 4 and a sentence, never a clean sheet. Needs root, on the engine's own host.
"""

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

_SMALL_ENOUGH_TO_HASH = 64 * 1024 * 1024
AGAIN_SECONDS = 10.0
"""For at least how long a look that could not be taken is taken again: a container that ends in the middle of one, say."""
_LIMITS = (
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "cpu.cfs_quota_us",
    "cpu.shares",
    "pids.max",
    "memory.max",
    "cpu.max",
)


class CannotJudge(Exception):
    """Something could not be looked at, so nobody knows what is left."""


def snapshot(project: str) -> dict[str, Any]:
    """Everything of the project that a fault could leave changed, by place and name. Raises CannotJudge."""
    mine = f"label=com.docker.compose.project={project}"
    found: dict[str, Any] = {
        "helpers": _lines(
            "docker", "ps", "--all", "--format", "{{.Names}}", "--filter", f"label=seatrial.helper={project}"
        ),
        "volumes": _lines("docker", "volume", "ls", "--format", "{{.Name}}", "--filter", mine),
        "networks": _lines("docker", "network", "ls", "--format", "{{.Name}} {{.Driver}} {{.Scope}}", "--filter", mine),
        "loop devices": [line for line in _lines("losetup", "--all") if project in line],
        "host mounts": [
            line.split(" - ")[0].split()[4] for line in _must_read("/proc/self/mountinfo") if project in line
        ],
        "host rules": [line for line in _lines("iptables-save") if project in line],
    }
    ids = _lines("docker", "ps", "--all", "--quiet", "--filter", mine)
    containers = json.loads(_output("docker", "inspect", *ids)) if ids else []
    with ThreadPoolExecutor(max_workers=4) as pool:
        for container, seen in zip(containers, pool.map(_container, containers), strict=True):
            name = container["Name"].lstrip("/")
            found.update({f"{name}: {what}": value for what, value in seen.items()})
    return found


def _container(container: dict[str, Any]) -> dict[str, Any]:
    state, host, config = container["State"], container["HostConfig"], container["Config"]
    seen: dict[str, Any] = {
        "status": state["Status"],
        "health": (state.get("Health") or {}).get("Status", "none"),
        "image": container["Image"],
        "program": [config.get("Entrypoint"), config.get("Cmd"), sorted(config.get("Env") or [])],
        "limits asked for": [
            host.get(key)
            for key in ("Memory", "MemorySwap", "NanoCpus", "CpuQuota", "CpuShares", "PidsLimit", "Ulimits")
        ],
        "restart policy": host.get("RestartPolicy"),
        "restart policy in force": not _written(container).get("HasBeenManuallyStopped"),
        "members of": {
            name: _membership(container, joined) for name, joined in container["NetworkSettings"]["Networks"].items()
        },
        "files changed in its layer": sorted(_lines("docker", "diff", container["Id"])),
    }
    pid = state.get("Pid")
    if pid:
        seen.update(_network(pid) | _mounts(pid) | _processes(pid, container) | _files(pid, container))
        seen["clock"] = _clock(container)
    return seen


def _written(container: dict[str, Any]) -> dict[str, Any]:
    """What the engine keeps of a container on disk: more than it tells."""
    written: dict[str, Any] = json.loads(Path(container["ResolvConfPath"]).with_name("config.v2.json").read_text())
    return written


def _membership(container: dict[str, Any], joined: dict[str, Any]) -> list[Any]:
    aliases = sorted(set(joined.get("Aliases") or []) - {container["Id"][:12]})
    return [aliases, (joined.get("IPAMConfig") or {}).get("IPv4Address", "")]


def _network(pid: int) -> dict[str, Any]:
    inside = ("nsenter", f"--net=/proc/{pid}/ns/net", "--")
    nameless = re.compile(r"\b(?:dev )?eth\d+(?:@if\d+)?\b")
    return {
        "packet rules": _rules(_lines(*inside, "iptables-save")),
        "packet rules of IPv6": _rules(_lines(*inside, "ip6tables-save")),
        "queues": sorted(nameless.sub("", line) for line in _lines(*inside, "tc", "qdisc", "show")),
        "routes": sorted(
            nameless.sub("", re.sub(r"src \S+", "", line)).strip() for line in _lines(*inside, "ip", "route", "show")
        ),
        "routing rules": _lines(*inside, "ip", "rule", "show"),
        "listening": sorted(
            {" ".join(line.split()[3:4]) for line in _lines(*inside, "ss", "-Hltn") if "127.0.0.11" not in line}
        ),
    }


def _rules(saved: list[str]) -> list[str]:
    """Without comments, counters, empty tables, and the engine's own DNS, whose ports change at every start."""
    kept = [re.sub(r"\[\d+:\d+\]", "", line).strip() for line in saved if line[:1] in "-:"]
    return sorted(line for line in kept if "DOCKER_" not in line and not re.fullmatch(r":\w+ ACCEPT", line))


def _mounts(pid: int) -> dict[str, Any]:
    found = []
    for line in _must_read(f"/proc/{pid}/mountinfo"):
        before, _, after = line.partition(" - ")
        found.append(f"{before.split()[4]} {before.split()[5]} {after.split()[0]}")
    return {"mounts": sorted(found)}


def _processes(pid: int, container: dict[str, Any]) -> dict[str, Any]:
    """The limits of its control groups, and who is in them: not the engine's own start of a process, nor the health check's probe."""
    names: list[str] = []
    limits = {}
    probe = ((container["Config"].get("Healthcheck") or {}).get("Test") or [""])[1:]
    for line in _must_read(f"/proc/{pid}/cgroup"):
        _, controllers, path = line.split(":", 2)
        for mounted in [controllers, *controllers.split(",")] if controllers else ["", "unified"]:
            folder = Path("/sys/fs/cgroup") / mounted / path.lstrip("/")
            for name in _LIMITS:
                if (folder / name).exists():
                    limits[name] = (folder / name).read_text().strip()
            if not names and len(folder.parts) > 4 and (folder / "cgroup.procs").exists():
                members = (folder / "cgroup.procs").read_text().split()
                names = [
                    name
                    for one in members
                    for name in _read(f"/proc/{one}/comm")[:1]
                    if not _is_passing(one, name, probe)
                ]
    return {"limits in force": limits, "processes": sorted(names)}


def _is_passing(pid: str, name: str, probe: list[str]) -> bool:
    argv = "".join(_read(f"/proc/{pid}/cmdline")).split("\0")[:-1]
    return name.startswith("runc") or (bool(probe) and argv[-len(probe) :] == probe)


def _files(pid: int, container: dict[str, Any]) -> dict[str, Any]:
    """Owner, mode, size and hash of every file in what is mounted from outside."""
    found = {}
    for mount in container.get("Mounts") or []:
        top = Path(f"/proc/{pid}/root{mount['Destination']}")
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            found[str(path).removeprefix(f"/proc/{pid}/root")] = _file(path)
    return {f"file {name}": value for name, value in found.items()}


def _file(path: Path) -> str:
    try:
        of = path.lstat()
        told = f"{of.st_uid}:{of.st_gid} {stat.filemode(of.st_mode)} {of.st_size if stat.S_ISREG(of.st_mode) else ''}"
        # SQLite's -shm is its processes' shared memory, made anew from the log: what is in it is locks and an index.
        if stat.S_ISREG(of.st_mode) and not path.name.endswith("-shm") and of.st_size <= _SMALL_ENOUGH_TO_HASH:
            told += f" {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    return told


def _clock(container: dict[str, Any]) -> str:
    """What a program that is started in the container takes the time to be; whole seconds off, 0 and 1 being as good as none."""
    if container["State"]["Paused"]:
        return "not asked: it is frozen"
    told = _output("docker", "exec", container["Id"], "date", "+%s").strip()
    off = int(told) - int(time.time()) if told.isdigit() else None
    return "right" if off is not None and abs(off) <= 1 else f"off by {off} s"


def _lines(*argv: str) -> list[str]:
    return _output(*argv).splitlines()


def _output(*argv: str) -> str:
    """What a tool printed. Raises CannotJudge when it fails or isn't there: the same complaint twice would be no difference."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotJudge(f"{argv[0]}: {error}") from error
    if done.returncode:
        complaint = " ".join(done.stderr.split())
        raise CannotJudge(f"{' '.join(argv)[:200]} ended with {done.returncode}: {complaint}")
    return done.stdout


def _must_read(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError as error:
        raise CannotJudge(f"{path} can't be read: {error.strerror}") from error


def _read(path: str) -> list[str]:
    """The lines of a file of a process that may have ended meanwhile, which is then none."""
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _settled(project: str) -> dict[str, Any]:
    """What is seen twice in a row: nothing that was only passing."""
    last, deadline = _looked(project), time.monotonic() + 60
    while (seen := _looked(project)) != last and time.monotonic() < deadline:
        last = seen
    return seen


def _looked(project: str) -> dict[str, Any]:
    """A snapshot, tried again for AGAIN_SECONDS where something could not be looked at. Raises CannotJudge, or what stands in the way."""
    deadline = time.monotonic() + AGAIN_SECONDS
    while True:
        try:
            return snapshot(project)
        except Exception:
            if time.monotonic() > deadline:
                raise
        threading.Event().wait(0.2)


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """One line for each thing that isn't as it was; of a container that isn't up as it was, only that."""
    wrong = [what for what in sorted(before.keys() | after.keys()) if before.get(what) != after.get(what)]
    down = {what.removesuffix(": status") for what in wrong if what.endswith(": status")}
    return [
        f"{what}: was {before.get(what, 'not there')}, is {after.get(what, 'not there')}"
        for what in wrong
        if what.partition(": ")[0] not in down or what.endswith(": status")
    ]


def main(argv: list[str]) -> int:
    """Run one of the two commands. Exit codes: 0 nothing differs, 1 something does, 4 it can't be judged here."""
    if os.geteuid() != 0 or len(argv) < 2 or argv[0] not in ("snapshot", "compare"):
        sys.stderr.write((__doc__ or "") + "\n")
        return 4
    try:
        return _judged(argv)
    except CannotJudge as reason:
        told = str(reason)
    except Exception as error:  # noqa: BLE001 - told; a traceback's exit code of 1 would say that something is left
        told = f"{type(error).__name__}: {error}"
    sys.stderr.write(f"it can't be judged: {told}\n")
    return 4


def _judged(argv: list[str]) -> int:
    if argv[0] == "snapshot":
        sys.stdout.write(json.dumps(_settled(argv[1]), indent=1) + "\n")
        return 0
    before = json.loads(Path(argv[1]).read_text())
    deadline = time.monotonic() + float(argv[3] if len(argv) > 3 else 30)
    while True:
        wrong = differences(before, json.loads(json.dumps(_looked(argv[2]))))
        if not wrong or time.monotonic() > deadline:
            break
        threading.Event().wait(0.2)
    sys.stdout.write("".join(line + "\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
