"""Says what this machine has against what a sea trial needs, and what each lack costs; it changes nothing.

Standard library only, so that it can speak before anything is installed. `python3 -m stack.doctor`, or `make doctor`.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from stack import environments, hostneeds, images, recipes
from stack.bootstrap import COMPOSE_FILE, foreign_images
from stack.engine import COMPOSE_AT_LEAST, ENGINE_AT_LEAST, Engine, find_engine, numbers
from stack.errors import UserError

# A whole cold set-up, Loki's Go caches included (measured: 9.5 GB), and the stack's own volumes.
DISK_GB = 10.0
MEMORY_GB = 4.0


class State(Enum):
    """How a finding stands: there, a lack that costs something, a lack that stops everything."""

    HAVE = "✓"
    COSTS = "!"
    STOPS = "✗"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for: what is there against what is needed, and what the lack costs."""

    name: str
    state: State
    here: str
    needed: str = ""
    costs: str = ""

    def line(self, width: int) -> str:
        """Return it as one line of the report."""
        text = f"{self.state.value} {self.name:<{width}}  {self.here}"
        if self.state is State.HAVE:
            return text
        return text + (f" (needed: {self.needed})" if self.needed else "") + (f": {self.costs}" if self.costs else "")


def examine() -> Iterator[Finding]:
    """Look at everything, one finding after the other."""
    yield from _python()
    yield from _programs(hostneeds.lacking(as_root=True))
    engine = find_engine()
    yield from _engine(engine)
    if engine is not None:
        yield from _images(engine)
    yield from _room(engine)
    yield from _kernel()


def _python() -> Iterator[Finding]:
    needed = f"3.{environments.OLDEST[1]} to 3.{environments.NEWEST[1]}"
    try:
        found = environments.interpreter()
        yield Finding("python", State.HAVE, found)
    except UserError as error:
        yield Finding("python", State.STOPS, sys.version.split()[0], needed, str(error))
    if environments.MAIN.is_current():
        yield Finding("virtual environment", State.HAVE, f"{environments.MAIN.folder.name}, of today's lock file")
    else:
        yield Finding("virtual environment", State.COSTS, "none of today's lock file", costs="`make venv` makes it, 1 min")
    sops = environments.MAIN.folder / "bin" / "sops"
    where = str(sops) if sops.exists() else shutil.which("sops")
    costs = "secrets can't be encrypted or read, so no stack starts: it comes with the virtual environment"
    yield Finding("sops", State.HAVE, where) if where else Finding("sops", State.COSTS, "not here", costs=costs)


def _programs(lacking: Iterable[hostneeds.Need]) -> Iterator[Finding]:
    missing = {need.program for need in lacking}
    for need in (*hostneeds.NEEDS, hostneeds.CA_CERTIFICATES):
        name = need.package if "/" in need.program else need.program
        if need.program not in missing:
            yield Finding(name, State.HAVE, "here")
        else:
            yield Finding(name, State.COSTS, "not here", f"Debian package {need.package}", need.costs)


def _engine(engine: Engine | None) -> Iterator[Finding]:
    if engine is None:
        root = os.geteuid() == 0
        costs = "`make readiness` installs and starts one" if root else "start one, set DOCKER_HOST, or run as root"
        yield Finding("docker engine", State.COSTS if root else State.STOPS, "none answers", "25 or newer", costs)
        return
    checks = (
        ("docker engine", engine.version, ENGINE_AT_LEAST, "health checks would start too late"),
        ("docker compose", engine.compose, COMPOSE_AT_LEAST, "no stack can be brought up"),
        ("docker buildx", engine.buildx, (0,), "no image can be built"),
    )
    for name, version, least, costs in checks:
        if version and numbers(version) >= least:
            yield Finding(name, State.HAVE, version)
        else:
            yield Finding(name, State.STOPS, version or "not here", ".".join(map(str, least)) + " or newer", costs)
    if not engine.is_local:
        costs = "what is read from the host's /proc and files is INCONCLUSIVE"
        yield Finding("local engine", State.COSTS, engine.endpoint, "a socket of this machine", costs)


def _images(engine: Engine) -> Iterator[Finding]:
    ours = recipes.recipes()
    absent = images.absent(ours)
    minutes = 8 if "loki" in absent else 3 if "promtail" in absent else 1
    here = f"{len(ours) - len(absent)} of {len(ours)} of ours are built and current"
    costs = f"`make images` builds {', '.join(absent)}, about {minutes} min"
    yield Finding("images", State.COSTS, here, costs=costs) if absent else Finding("images", State.HAVE, here)
    compose = COMPOSE_FILE.read_text(encoding="utf-8") if COMPOSE_FILE.exists() else ""
    for service, reference in foreign_images(compose).items():
        if images.is_present(reference):
            yield Finding(service, State.HAVE, reference)
        else:
            costs = f"pulled where a registry answers; else its checks are INCONCLUSIVE, or WITHOUT={service} excludes them"
            yield Finding(service, State.COSTS, f"{reference} is not here", costs=costs)


def _room(engine: Engine | None) -> Iterator[Finding]:
    folder = Path(engine.root) if engine and engine.is_local and Path(engine.root).is_dir() else environments.ROOT
    free = shutil.disk_usage(folder).free / 1e9
    state = State.HAVE if free >= DISK_GB else State.COSTS
    yield Finding("disk", state, f"{free:.0f} GB free at {folder}", f"{DISK_GB:.0f} GB", "images may not fit")
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    state = State.HAVE if total >= MEMORY_GB else State.COSTS
    yield Finding("memory", state, f"{total:.0f} GB", f"{MEMORY_GB:.0f} GB", "services may be killed, which looks like a fault")


def _kernel() -> Iterator[Finding]:
    """What the host's kernel offers to checks and faults; each lack makes something INCONCLUSIVE and nothing wrong."""
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        yield Finding("cgroups", State.HAVE, "version 2")
    else:
        yield Finding("cgroups", State.COSTS, "version 1", "version 2", "pressure figures are not there; limits are read otherwise")
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    if enabled.exists() and enabled.read_text(encoding="utf-8").startswith("Y"):
        yield Finding("apparmor", State.HAVE, "enabled")
    else:
        yield Finding("apparmor", State.COSTS, "not in this kernel", costs="its confinement can't be observed (SEC-RUN)")
    netem = kernel_option("CONFIG_NET_SCH_NETEM")
    if netem is False:
        costs = "network faults go through Toxiproxy and iptables instead of tc"
        yield Finding("netem", State.COSTS, "not in this kernel", costs=costs)
    else:
        yield Finding("netem", State.HAVE, "in this kernel" if netem else "not known before it is tried")


def kernel_option(name: str) -> bool | None:
    """Whether the running kernel has an option (built in or as a module); None where its configuration can't be read."""
    boot = Path(f"/boot/config-{os.uname().release}")
    try:
        text = boot.read_text(encoding="utf-8") if boot.exists() else gzip.decompress(Path("/proc/config.gz").read_bytes()).decode()
    except OSError:
        return None
    return f"\n{name}=y\n" in text or f"\n{name}=m\n" in text


def report(findings: Iterable[Finding]) -> int:
    """Print the findings and return the exit code: 1 when something stands in the way of any sea trial, else 0."""
    found = list(findings)
    width = max(len(finding.name) for finding in found)
    for finding in found:
        print(finding.line(width))
    stops = [finding.name for finding in found if finding.state is State.STOPS]
    costs = sum(finding.state is State.COSTS for finding in found)
    if stops:
        print(f"\nNo sea trial is possible here yet: {', '.join(stops)}.")
        return 1
    print(f"\nA sea trial is possible here{f'; {costs} things above cost something' if costs else ''}.")
    return 0


def main() -> int:
    """Examine this machine and print the report."""
    return report(examine())


if __name__ == "__main__":
    sys.exit(main())
