"""Why: an image's name is parsed by everybody slightly differently; ports in registries and digests must not confuse it."""

from __future__ import annotations

import pytest

from suites.security.rules import pins

DIGEST = "@sha256:" + "a" * 64


@pytest.mark.parametrize(
    "reference",
    [
        "nginx",
        "nginx:latest",
        "nginx:stable",
        "nginx:1.27",
        "registry.example:5000/app",
        "registry.example:5000/app:2",
        "app@sha256:short",
    ],
)
def test_movable_names_are_found(reference: str) -> None:
    assert pins.image_problem(reference)


@pytest.mark.parametrize("reference", ["nginx" + DIGEST, "nginx:1.27" + DIGEST, "registry.example:5000/a/b:2" + DIGEST])
def test_digests_pin(reference: str) -> None:
    assert pins.image_problem(reference) is None


def test_a_registry_port_is_no_tag() -> None:
    assert pins.parse("registry.example:5000/app") == pins.Reference("registry.example:5000/app", "", False)


@pytest.mark.parametrize(
    ("dockerfile", "problems"),
    [
        ("FROM scratch\n", 0),
        ("FROM debian" + DIGEST + "\n", 0),
        ("FROM ours/base:local\n", 0),
        ("ARG V=" + DIGEST + "\nFROM debian${V}\n", 0),
        ("FROM debian" + DIGEST + " AS build\nFROM build\n", 0),
        ("FROM --platform=linux/amd64 debian:12\n", 1),
        ("FROM debian:12 AS build\nFROM alpine\nCOPY --from=build /a /a\n", 2),
    ],
)
def test_base_images_are_judged(dockerfile: str, problems: int) -> None:
    assert len(pins.base_problems(dockerfile, {"ours/base"})) == problems


def test_the_line_of_a_base_is_told() -> None:
    assert pins.base_problems("# a comment\n\nFROM debian:12\n", set())[0][0] == 3


@pytest.mark.parametrize(
    ("dockerfile", "problems"),
    [
        ("FROM a\nADD https://example/x.tar /x\n", 1),
        ("FROM a\nADD --checksum=sha256:abc https://example/x.tar /x\n", 0),
        ("FROM a\nADD local.tar /x\n", 0),
        ("FROM a\nRUN curl -fsSL https://example/i.sh | sh\n", 1),
        ("FROM a\nRUN wget -qO- https://example/i.sh | sudo bash -s --\n", 1),
        ("FROM a\nRUN curl -k https://example/x -o x\n", 1),
        ("FROM a\nRUN curl -fsSL https://example/x -o x && echo 'abc x' | sha256sum -c\n", 0),
        ("FROM a\n# RUN curl x | sh\nRUN apt-get update\n", 0),
    ],
)
def test_unverified_downloads_are_found(dockerfile: str, problems: int) -> None:
    assert len(pins.fetch_problems(dockerfile)) == problems


@pytest.mark.parametrize(
    "reference",
    [
        "busybox:[bold]x",
        "日本",
        "Nginx:1.27",
        "a//b:1",
        "nginx:1.27:2",
        "a b",
        "app@sha256:short",
        "app@sha256:" + "a" * 63,
        "-x",
        "-x" + DIGEST,
    ],
)
def test_a_reference_no_engine_takes_is_said_to_be_invalid(reference: str) -> None:
    assert "is no valid image reference" in str(pins.image_problem(reference))


@pytest.mark.parametrize(
    "reference", ["nginx", "Registry.example:5000/a_b/c--d:V1.2-x_y", "localhost/app:1", "a/b/c.d" + DIGEST]
)
def test_a_reference_an_engine_takes_is_not(reference: str) -> None:
    assert "valid" not in (pins.image_problem(reference) or "")
