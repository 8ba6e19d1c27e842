"""What is deployed: an image by the name it was asked for by, and by the id that it had then, since names move."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.errors import CannotTell, UserError
from stack.progress import Progress
from stack.pulling import Unobtainable, pull

if TYPE_CHECKING:
    from stack.driver import Driver

BLUE, GREEN = COLOURS = ("server-blue", "server-green")
# What the engine accepts (distribution's reference grammar), short of what it says about lengths.
_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]{64})?")


@dataclass(frozen=True)
class Release:
    """An image: its name at the time, and its id."""

    image: str
    id: str

    def __str__(self) -> str:
        """Its name, and enough of its id to tell it from another of that name."""
        return f"{self.image} ({self.id.removeprefix('sha256:')[:12]})"


@dataclass(frozen=True)
class Serving:
    """A colour with the release that it runs."""

    colour: str
    release: Release

    def __str__(self) -> str:
        """As a person says it."""
        return f"{self.colour} with {self.release}"


def other(colour: str) -> str:
    """The colour that stands idle while this one serves."""
    return GREEN if colour == BLUE else BLUE


def known(driver: Driver, version: str) -> Release | None:
    """The release of that name or digest, if it is here; None when it would have to be pulled.

    Raises:
        UserError: it is no reference, or is not here and says no registry.

    """
    if not _REFERENCE.fullmatch(version):
        raise UserError(f"{version!r} is no image reference: a name like seatrial/server:1.2, or name@sha256:…")
    if driver.has_image(version):
        return Release(version, str(driver.image(version)["Id"]))
    if not has_registry(version):
        raise UserError(
            f"there is no image {version} here, and its name says no registry to fetch it from (host:port/name)"
        )
    return None


def obtain(driver: Driver, version: str, progress: Progress) -> Release:
    """The release of that name or digest, pulled when it is not here and its name says from where.

    Raises:
        UserError: as `known`, or its registry does not give it.

    """
    if (here := known(driver, version)) is not None:
        return here
    try:
        with progress.step(f"pulling {version}"):
            pull(version)
    except Unobtainable as reason:
        raise UserError(f"the image {version} can't be had: {reason}") from reason
    if (pulled := known(driver, version)) is None:
        raise CannotTell(f"the image {version} was pulled, and is not here")
    return pulled


def has_registry(version: str) -> bool:
    """Whether the reference names a host. One that does not would be asked for at a public registry: somebody else's image."""
    host, slash, _ = version.partition("/")
    return bool(slash) and ("." in host or ":" in host or host == "localhost")
