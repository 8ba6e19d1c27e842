"""Takes a fresh machine to a running sea trial: virtual environment, host packages, engine, images, then pytest.

Standard library only, run by the system's python3: `python3 -m stack.bootstrap COMMAND`; the Makefile is the short way
to type it. Every step looks before it acts, so that a second run does nothing again.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from stack import debian, environments, hostneeds
from stack.engine import ensure_engine
from stack.errors import CannotTell, UserError
from stack.interruption import Terminated, interruptible
from stack.progress import Progress

ROOT = Path(__file__).resolve().parent.parent
COMPOSE_FILE = ROOT / "stack" / "compose.yaml"
FAILED, BAD_INPUT, SIGINT_CODE, SIGTERM_CODE = 1, 4, 130, 143
_SERVICE = re.compile(r"  ([a-z0-9-]+):(?:\s.*)?$")
_IMAGE = re.compile(r"    image: *([^\s#$]+)")


def foreign_images(compose: str) -> dict[str, str]:
    """Return the images of others that a compose file names: service → reference.

    Reads lines and not YAML, since no parser is there before the virtual environment.
    """
    service, found = "", {}
    for line in compose.splitlines():
        if match := _SERVICE.match(line):
            service = match[1]
        elif (match := _IMAGE.match(line)) and not match[1].startswith("seatrial/"):
            found[service] = match[1]
    return found


def services(compose: str) -> frozenset[str]:
    """Return the names of a compose file's services, read from its lines as `foreign_images` does."""
    found, inside = set(), False
    for line in compose.splitlines():
        if line[:1].strip() and not line.startswith("#"):
            inside = line.startswith("services:")
        elif inside and (match := _SERVICE.match(line)):
            found.add(match[1])
    return frozenset(found)


def require_services(names: Sequence[str]) -> None:
    """Raise UserError for a name given to `--without` that no service has."""
    known = services(COMPOSE_FILE.read_text(encoding="utf-8")) if names and COMPOSE_FILE.exists() else frozenset(names)
    for name in names:
        if name not in known:
            raise UserError(f"--without {name}: there is no such service, expected one of {', '.join(sorted(known))}")


def ensure_host(progress: Progress) -> None:
    """Have the host's programs; raises UserError where something indispensable is missing and can't be installed."""
    wanting = [need for need in hostneeds.lacking(as_root=os.geteuid() == 0) if need.program != "make"]
    if wanting:
        debian.install([need.package for need in wanting], progress, why="a sea trial")


def ensure_images(progress: Progress, without: Sequence[str] = ()) -> dict[str, str]:
    """Have every image; return what could not be had: service (or image) → reason."""
    from stack import images, recipes  # here: `venv` alone needs no image

    foreign = foreign_images(COMPOSE_FILE.read_text(encoding="utf-8")) if COMPOSE_FILE.exists() else {}
    wanted = {reference: service for service, reference in foreign.items() if service not in without}
    missing = dict(images.obtain([*recipes.recipes(), *wanted], progress))
    for name, reason in sorted(missing.items()):
        service = wanted.get(name)
        accept = f"; to go on without it: WITHOUT={service} (--without {service})" if service else ""
        progress.say(f"! {name} could not be had: {reason}{accept}")
    return {wanted.get(name, name): reason for name, reason in missing.items()}


def prepare(progress: Progress, without: Sequence[str] = ()) -> None:
    """Do all that a sea trial needs beforehand."""
    ensure_host(progress)
    environments.ensure(progress)
    ensure_engine(progress)
    ensure_images(progress, without)


def _venv(arguments: argparse.Namespace, progress: Progress) -> int:
    ensure_host(progress)
    environments.ensure(progress)
    return 0


def _engine(arguments: argparse.Namespace, progress: Progress) -> int:
    engine = ensure_engine(progress)
    progress.say(f"Docker engine {engine.version} at {engine.endpoint}, compose {engine.compose}, buildx {engine.buildx}")
    return 0


def _images(arguments: argparse.Namespace, progress: Progress) -> int:
    ensure_engine(progress)
    return FAILED if ensure_images(progress, arguments.without) else 0


def _missing(arguments: argparse.Namespace, progress: Progress) -> int:
    """Print the services whose image only a registry has and which can't be had: those may be excluded by name."""
    ensure_host(progress)
    ensure_engine(progress)
    absent = ensure_images(progress)
    foreign = foreign_images(COMPOSE_FILE.read_text(encoding="utf-8"))
    for service in sorted(absent.keys() & foreign.keys()):
        print(service)
    # What we build ourselves is never excused.
    return FAILED if absent.keys() - foreign.keys() else 0


def _prepare(arguments: argparse.Namespace, progress: Progress) -> int:
    prepare(progress, arguments.without)
    progress.say(f"ready ({progress.total_seconds:.1f} s)")
    return 0


def _readiness(arguments: argparse.Namespace, progress: Progress) -> int:
    prepare(progress, arguments.without)
    progress.say(f"set up in {progress.total_seconds:.1f} s; now the sea trial")
    progress.close()
    command = [str(environments.PYTHON), "-m", "pytest", "suites", "chaos", "--gate", arguments.gate]
    command += [f"--without={service}" for service in arguments.without]
    # pytest takes this process over: signals and the exit code are its own.
    os.chdir(ROOT)
    os.execv(command[0], [*command, *arguments.rest])


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace, Progress], int], str]] = {
    "venv": (_venv, "host packages and the virtual environment, from hashed lock files"),
    "engine": (_engine, "find a Docker engine, or install and start one"),
    "images": (_images, "obtain every image: present, else pulled, else built"),
    "missing": (_missing, "print the services whose image can't be had"),
    "prepare": (_prepare, "all of the above"),
    "readiness": (_readiness, "all of the above, then the whole checklist; exit code 0 only if nothing blocks"),
}


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(prog="python3 -m stack.bootstrap", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for name, (_, text) in _COMMANDS.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--without", action="append", default=[], metavar="SERVICE", help="leave a service out by name")
        if name == "readiness":
            command.add_argument("--gate", choices=("staging", "production"), default="staging", help="the tier to reach")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Exit codes: 0 done, 1 something could not be had, 4 bad input, 130 and 143 interrupted."""
    try:
        arguments, rest = parser().parse_known_args(argv)
        if rest and arguments.command != "readiness":
            parser().error(f"unknown arguments: {' '.join(rest)}")
    except SystemExit as ended:
        return BAD_INPUT if ended.code else 0
    arguments.rest = rest
    arguments.without = [name for given in arguments.without for name in given.split(",") if name]
    progress = Progress()
    try:
        require_services(arguments.without)
        with interruptible():
            return _COMMANDS[arguments.command][0](arguments, progress)
    except (UserError, CannotTell) as error:
        progress.close()
        print(f"seatrial: {error}", file=sys.stderr)
        return BAD_INPUT
    except Terminated:
        return SIGTERM_CODE
    except KeyboardInterrupt:
        return SIGINT_CODE
    finally:
        progress.close()


if __name__ == "__main__":
    sys.exit(main())
