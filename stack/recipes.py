"""Says what each of our images is made of, so that a changed one is rebuilt and an unchanged one is not.

Pure: it reads files and never asks the engine. A recipe is a folder with a Dockerfile; only exceptions are listed here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stack.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "seatrial/"
TAG = ":local"
# The label that carries the hash of an image's sources.
SOURCE_LABEL = "seatrial.source"
_FROM = re.compile(r"^(?:FROM|COPY --from=)\s*(?:seatrial/)([a-z0-9-]+):local", re.MULTILINE)
# A stage that holds the program where its own image can be pulled, instead of one that builds it.
_PULLED = re.compile(r"^FROM (\S+) AS pulled$", re.MULTILINE)
_JUNK = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}


@dataclass(frozen=True)
class Recipe:
    """One image of ours: its Dockerfile, its build context, and which of the context's files it is made of."""

    name: str
    dockerfile: Path
    context: Path
    sources: tuple[str, ...] = ("**/*",)
    # Images whose build must have ended before, though this one is not made from them.
    after: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """The image's name for the engine."""
        return f"{PREFIX}{self.name}{TAG}"

    @cached_property
    def parents(self) -> tuple[str, ...]:
        """The names of our own images that this one is made from, read from its Dockerfile."""
        return tuple(dict.fromkeys(_FROM.findall(self.dockerfile.read_text(encoding="utf-8"))))

    @cached_property
    def upstream(self) -> str | None:
        """The image that already holds its program, where there is one: pulled, it saves building the program."""
        found = _PULLED.search(self.dockerfile.read_text(encoding="utf-8"))
        return found[1] if found else None

    def files(self) -> list[Path]:
        """Return the files it is made of, sorted; caches that Python leaves behind are none of them."""
        found = {file for pattern in self.sources for file in self.context.glob(pattern) if file.is_file()}
        kept = {file for file in found if not _JUNK & set(file.relative_to(self.context).parts)}
        return sorted(kept | {self.dockerfile})


def recipes(root: Path = ROOT) -> dict[str, Recipe]:
    """Return every recipe by its image's name: each folder of stack/images, and the exporter, which stands alone."""
    images = root / "stack" / "images"
    found = {
        dockerfile.parent.name: Recipe(dockerfile.parent.name, dockerfile, dockerfile.parent)
        for dockerfile in images.glob("*/Dockerfile")
    }
    if (root / "exporter" / "Dockerfile").exists():
        found["monero-exporter"] = Recipe("monero-exporter", root / "exporter" / "Dockerfile", root / "exporter")
    if "backup" in found:
        # It carries the operator's own commands, so its context is the project; the ignore file names the same files.
        found["backup"] = Recipe(
            "backup",
            images / "backup" / "Dockerfile",
            root,
            ("stack/__init__.py", "stack/errors.py", "stack/visible.py", "stack/waiting.py", "stack/ops/*.py", "stack/images/backup/*"),
        )
    if "promtail" in found:
        # Nearly all of it is compiled, and cached, by Loki's build.
        found["promtail"] = Recipe("promtail", images / "promtail" / "Dockerfile", images / "promtail", after=("loki",))
    return found


def closure(names: Iterable[str], known: Mapping[str, Recipe]) -> list[Recipe]:
    """Return the recipes of `names` and of all they are made from, parents first.

    Raises:
        UserError: a name has no recipe, or two recipes are made from each other.

    """
    ordered: dict[str, Recipe] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            message = f"the images {' → '.join([*path, name])} are made from each other"
            raise UserError(message)
        if name not in known:
            came_from = f" (which {path[-1]} is made from)" if path else ""
            message = f"there is no recipe for the image {name}{came_from}: there are {', '.join(sorted(known))}"
            raise UserError(message)
        for parent in known[name].parents:
            visit(parent, (*path, name))
        ordered.setdefault(name, known[name])

    for name in names:
        visit(name, ())
    return list(ordered.values())


def fingerprints(chosen: Iterable[Recipe]) -> dict[str, str]:
    """Return the hash of what each image is made of, its parents' included; `chosen` has parents first."""
    hashes: dict[str, str] = {}
    for recipe in chosen:
        digest = hashlib.sha256()
        for file in recipe.files():
            mode = "x" if file.stat().st_mode & 0o100 else "-"
            place = file.relative_to(recipe.context) if file.is_relative_to(recipe.context) else Path(file.name)
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{place.as_posix()}\0{mode}\0{content}\n".encode())
        for parent in recipe.parents:
            digest.update(f"from {parent} {hashes[parent]}\n".encode())
        hashes[recipe.name] = digest.hexdigest()[:32]
    return hashes
