"""Finds the nginx configuration of a service as its container will see it: which file here stands at which path there."""

from __future__ import annotations

import fnmatch
import glob
import posixpath
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from stack.errors import CannotTell
from stack.model import Service, Stack
from suites.security import images
from suites.security.rules.dockerfile import logical_lines

DEFAULT_MAIN = "/etc/nginx/nginx.conf"
MOST_FILES = 500
LARGEST_BYTES = 1024 * 1024
# What nginx ships beside its configuration: tables of types and variables, in which nothing is decided.
SHIPPED = frozenset({"mime.types", "fastcgi_params", "fastcgi.conf", "scgi_params", "uwsgi_params"})
_INCLUDE = re.compile(r"""(?:^|[;{}\s])include\s+("[^"]+"|'[^']+'|[^\s;{}]+)\s*;""")
# What the official image's own main file does where only parts are mounted (github.com/nginxinc/docker-nginx).
AROUND_PARTS = "events {}\nhttp {\n    include /etc/nginx/conf.d/*.conf;\n}\n"


@dataclass(frozen=True)
class Configuration:
    """A service's nginx files: text by path in the container, where each stands here, and what is included and not here."""

    main: str
    texts: dict[str, str]
    places: dict[str, Path]
    absent: tuple[str, ...]


def configuration_of(stack: Stack, service: Service) -> Configuration | None:
    """What nginx of a service reads, as far as it is mounted or copied from here; None when nothing of it is.

    Raises:
        CannotTell: a file of it can't be read, or it is larger than any configuration.

    """
    known = [*_mounted(stack, service), *_copied(stack, service)]
    main = _main(service)
    texts: dict[str, str] = {}
    places: dict[str, Path] = {}
    if not _found(main, known):
        known += _templates(known)
        if not _found("/etc/nginx/conf.d/*.conf", known):
            return None
        main, texts = DEFAULT_MAIN, {DEFAULT_MAIN: AROUND_PARTS}
    folder = posixpath.dirname(main)
    absent: list[str] = []
    waiting = [main]
    while waiting:
        path = waiting.pop(0)
        if path not in texts:
            places[path] = _found(path, known)[path]
            texts[path] = _read(places[path])
        if len(texts) > MOST_FILES:
            raise CannotTell(f"{service.name}: its nginx configuration has more than {MOST_FILES} files")
        for pattern in includes(texts[path]):
            wanted = posixpath.normpath(posixpath.join(folder, pattern))
            found = _found(wanted, known)
            waiting += [one for one in found if one not in texts and one not in waiting]
            if not found and not glob.has_magic(wanted) and posixpath.basename(wanted) not in SHIPPED:
                absent.append(wanted)
    return Configuration(main, texts, places, tuple(dict.fromkeys(absent)))


def includes(text: str) -> list[str]:
    """The patterns of a file's include directives, comments aside."""
    bare = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return [match[1].strip("\"'") for match in _INCLUDE.finditer(bare)]


def _main(service: Service) -> str:
    words = [*(service.entrypoint or ()), *(service.command or ())]
    for index, word in enumerate(words[:-1]):
        if word == "-c":
            return posixpath.join("/etc/nginx", words[index + 1])
    return DEFAULT_MAIN


def _mounted(stack: Stack, service: Service) -> list[tuple[str, Path]]:
    """Paths in the container with their sources here: bind mounts and configs of files, the most exact first."""
    found = [
        (mount.target.rstrip("/") or "/", _here(stack, mount.source))
        for mount in service.mounts
        if mount.kind == "bind"
    ]
    declared = stack.rendered.get("configs") or {}
    for entry in service.config.get("configs") or ():
        given = {"source": entry} if isinstance(entry, str) else entry
        file = (declared.get(given.get("source")) or {}).get("file")
        if file:
            found.append((str(given.get("target") or f"/{given['source']}"), _here(stack, str(file))))
    return sorted(found, key=lambda one: -len(one[0]))


def _here(stack: Stack, path: str) -> Path:
    return Path(path) if Path(path).is_absolute() else stack.declared.folder / path


def _copied(stack: Stack, service: Service) -> list[tuple[str, Path]]:
    """What the service's Dockerfile copies from its build context (`COPY nginx.conf /etc/nginx/`), the last first."""
    file, text = images.dockerfile(stack, service), images.dockerfile_text(stack, service)
    if text is None or service.build is None:
        return []
    context = _here(stack, str(service.build.get("context") or "."))
    found: list[tuple[str, Path]] = []
    for line in logical_lines(text):
        word, _, rest = line.partition(" ")
        if word.upper() not in ("COPY", "ADD") or "--from=" in rest or file is None:
            continue
        try:
            *sources, target = [part for part in shlex.split(rest) if not part.startswith("--")]
        except ValueError:
            continue  # not a line that copies one path to another
        for source in sources:
            here = context / source.lstrip("/")
            inside = target.endswith("/") and not here.is_dir()
            found.append((posixpath.join(target, here.name) if inside else target.rstrip("/") or "/", here))
    return found[::-1]


def _templates(known: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """The official image writes /etc/nginx/templates/NAME.template to /etc/nginx/conf.d/NAME when it starts."""
    found = _found("/etc/nginx/templates/*.template", known)
    return [
        (f"/etc/nginx/conf.d/{posixpath.basename(path).removesuffix('.template')}", here)
        for path, here in found.items()
    ]


def _found(pattern: str, known: list[tuple[str, Path]]) -> dict[str, Path]:
    """The files that a path or pattern of the container stands for, sorted as nginx reads them."""
    found: dict[str, Path] = {}
    for target, source in known:
        if fnmatch.fnmatchcase(target, pattern) and source.is_file():
            found.setdefault(target, source)
        below = pattern.removeprefix(target.rstrip("/") + "/")
        if below == pattern or not source.is_dir():
            continue
        for name in sorted(glob.glob(below, root_dir=source)):
            if (source / name).is_file():
                found.setdefault(posixpath.join(target, name), source / name)
    return dict(sorted(found.items()))


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise CannotTell(f"{path}: is too large for an nginx configuration")
        return path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise CannotTell(f"{path}: can't be read ({error.strerror})") from error
