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
        ("FROM debian" + DIGEST + " AS Build\nFROM build\n", 0),
        ("ARG A=1 V=" + DIGEST + "\nFROM debian${V}\n", 0),
        ("ARG A=1 V=20\nFROM node:${V}\n", 1),
        ("FROM --platform=linux/amd64 debian:12\n", 1),
        ("FROM scratch\nCOPY --from=nginx:latest /a /a\n", 1),
        ("FROM scratch AS x\nFROM scratch\nCOPY --from=X /a /a\nCOPY --from=0 /b /b\n", 0),
        ("FROM scratch\nCOPY --chown=1 --from=nginx" + DIGEST + " /a /a\n", 0),
        ("FROM scratch\nRUN --mount=type=bind,from=golang:1.23,target=/go make\n", 1),
        ("FROM debian:12 AS build\nFROM alpine\nCOPY --from=build /a /a\n", 2),
    ],
)
def test_base_images_are_judged(dockerfile: str, problems: int) -> None:
    assert len(pins.base_problems(dockerfile, {"ours/base"})) == problems


def test_the_line_of_a_base_is_told() -> None:
    assert pins.base_problems("# a comment\n\nFROM debian:12\n", set())[0][0] == 3


@pytest.mark.parametrize(
    ("dockerfile", "arguments", "said"),
    [
        ("ARG BASE\nFROM ${BASE}\n", {"BASE": "nginx:latest"}, "nginx:latest is latest"),
        ("ARG BASE=nginx" + DIGEST + "\nFROM $BASE\n", {"BASE": "nginx:1"}, "nginx:1 is pinned by a tag"),
        ("ARG V\nFROM node:${V}\n", {"V": "20" + DIGEST}, None),
        ("ARG V\nFROM node:${V}-alpine\n", {"V": "20"}, "node:20-alpine is pinned by a tag"),
        ("ARG V\nFROM node:${V}-alpine\n", {}, "node:${V}-alpine is whatever the build is told: V has no value"),
        ("ARG V\nFROM node:${V:-20}\n", {}, "node:20 is pinned by a tag"),
        ("ARG V=20\nARG T=${V}-slim\nFROM node:$T\n", {"V": "22"}, "node:22-slim is pinned by a tag"),
        # Not declared before the first FROM, so that the build does not take it.
        ("FROM node" + DIGEST + "\nARG V\nFROM node:${V}\n", {"V": "20" + DIGEST}, "V has no value"),
    ],
)
def test_what_the_build_is_given_wins_over_defaults(dockerfile: str, arguments: dict[str, str], said: str | None) -> None:
    found = [problem for _, problem in pins.base_problems(dockerfile, set(), arguments)]

    assert len(found) == (said is not None)
    assert said is None or said in found[0]


def test_a_name_that_the_build_is_given_for_something_else_is_that() -> None:
    contexts = {"base": "../base", "Other": "docker-image://debian:12"}

    assert pins.base_problems("FROM base\n", set(), contexts=contexts) == []
    assert len(pins.base_problems("FROM other\n", set(), contexts=contexts)) == 1


def test_each_base_is_told_at_its_own_line() -> None:
    assert [line for line, _ in pins.base_problems("FROM node:20 AS a\n\nFROM node:20\n", set())] == [1, 3]


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
