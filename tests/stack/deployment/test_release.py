"""A release is found by its name or digest, pulled only from a registry that its name says, and refused in a sentence."""

from __future__ import annotations

from typing import Any, cast

import pytest

from stack.deployment import release as subject
from stack.deployment.compose_site import active_in, as_it_runs
from stack.deployment.release import BLUE, GREEN, Release, has_registry, known, obtain, other
from stack.driver import Driver
from stack.errors import CannotTell, UserError
from stack.progress import Progress
from stack.pulling import Unobtainable

DIGEST = "@sha256:" + "0" * 64


class Engine:
    """An engine with some images."""

    def __init__(self, **images: str) -> None:
        self.images = dict(images)

    def has_image(self, ref: str) -> bool:
        return ref in self.images

    def image(self, ref: str) -> dict[str, Any]:
        return {"Id": self.images[ref]}


def engine(**images: str) -> tuple[Engine, Driver]:
    """The engine, and the same as whoever is given it sees it."""
    made = Engine(**images)
    return made, cast(Driver, made)


def test_what_is_here_is_taken_as_it_is() -> None:
    assert known(engine(shop="sha256:1")[1], "shop") == Release("shop", "sha256:1")


@pytest.mark.parametrize("version", ["", "-x", "Shop", "shop latest", "shop@sha256:12", "../shop", "shop;rm"])
def test_what_is_no_reference_is_refused(version: str) -> None:
    with pytest.raises(UserError, match="is no image reference|says no registry"):
        known(engine()[1], version)


@pytest.mark.parametrize("version", ["shop", "seatrial/shop:2", f"seatrial/shop{DIGEST}"])
def test_a_name_without_a_registry_is_never_asked_for_anywhere(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "pull", lambda _: pytest.fail("it was pulled"))

    with pytest.raises(UserError, match=f"there is no image {version} here, and its name says no registry"):
        obtain(engine()[1], version, Progress(quiet=True))


@pytest.mark.parametrize("version", ["127.0.0.1:5000/shop:2", f"localhost/shop{DIGEST}", "images.example.org/shop"])
def test_a_name_with_one_is_pulled(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there, driver = engine()
    monkeypatch.setattr(subject, "pull", lambda ref: there.images.update({ref: "sha256:2"}))

    assert obtain(driver, version, Progress(quiet=True)) == Release(version, "sha256:2")


def test_a_registry_that_does_not_give_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise Unobtainable("manifest unknown")

    monkeypatch.setattr(subject, "pull", refuse)

    with pytest.raises(UserError, match="the image localhost/shop can't be had: manifest unknown"):
        obtain(engine()[1], "localhost/shop", Progress(quiet=True))


def test_a_slash_alone_names_no_host() -> None:
    assert not has_registry("seatrial/server")
    assert has_registry("localhost/server")


def test_there_are_two_colours() -> None:
    assert (other(BLUE), other(GREEN)) == (GREEN, BLUE)


@pytest.mark.parametrize("text", ["set $active_colour server-green;\n", "# who\n set  $active_colour server-green ;"])
def test_who_serves_is_read_off_the_edges_file(text: str) -> None:
    assert active_in(text) == GREEN


@pytest.mark.parametrize("text", ["", "set $active_colour server-red;", "server-green"])
def test_a_file_that_names_nobody_is_not_guessed_at(text: str) -> None:
    with pytest.raises(CannotTell, match=r"active\.conf names no colour"):
        active_in(text)


def test_a_copys_networks_and_folder_are_read_off_its_edge() -> None:
    edge = {
        "Mounts": [{"Destination": "/etc/seatrial/edge", "Source": "/clone/.seatrial/copy/edge"}],
        "NetworkSettings": {"Networks": {"copy_edge": {"IPAMConfig": {"IPv4Address": "10.105.1.10"}}}},
    }

    assert as_it_runs(edge) == {"SEATRIAL_STATE_DIR": "/clone/.seatrial/copy", "SEATRIAL_SUBNET": "10.105"}


def test_an_edge_that_is_not_ours_is_refused() -> None:
    with pytest.raises(UserError, match="is not this stack's"):
        as_it_runs({"Mounts": [], "NetworkSettings": {"Networks": {}}})
