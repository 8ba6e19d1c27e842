"""Why: what an image must not carry is told by paths, modes and first bytes; each is tried, with what only looks like it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stack.model import Service, Stack
from stack.profile import Profile
from suites.check import Evidence, NotApplicable
from suites.security import images, layers
from suites.security import test_images as checks
from suites.security.layers import Entry, Layer
from suites.security.rules import image_files


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/cache/apt/archives/curl_8_amd64.deb", "a package cache"),
        ("/var/lib/apt/lists/mirror_dists_trixie_main_binary-amd64_Packages", "a package cache"),
        ("/root/.cache/pip/http/a", "a package cache"),
        ("/root/.bash_history", "a shell's history"),
        ("/home/app/.python_history", "a shell's history"),
        ("/usr/bin/gcc-14", "a compiler"),
        ("/usr/bin/x86_64-linux-gnu-gcc", "a compiler"),
        ("/usr/local/go/bin/go", "a compiler"),
        ("/usr/bin/gcc-tool.py", None),
        ("/var/lib/apt/extended_states", None),
        ("/opt/app/bin/go", None),
        ("/usr/lib/gcc/x86_64-linux-gnu/14/libgcc_s.so", None),
    ],
)
def test_what_only_building_needed(path: str, kind: str | None) -> None:
    assert image_files.left_behind(path) == kind


@pytest.mark.parametrize(
    ("path", "head", "found"),
    [
        ("/srv/deploy", b"-----BEGIN RSA PRIVATE KEY-----\nMIIE", True),
        ("/root/a.asc", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", True),
        ("/app/.env", b"DB_PASSWORD=Xk29-vq7LmPzt4\n", True),
        ("/app/.env", b"DB_PASSWORD=changeme\nLANG=C\n", False),
        ("/app/main.py", b"connect(password=the_password)\n", False),
        ("/etc/ssl/ca.pem", b"-----BEGIN CERTIFICATE-----\n", False),
    ],
)
def test_a_secret_is_told_by_what_it_is(path: str, head: bytes, found: bool) -> None:
    assert (image_files.secret_in(path, head) is not None) is found


@pytest.mark.parametrize(
    ("path", "looked_at"),
    [
        ("/usr/lib/python3/test/keycert.pem", False),
        ("/opt/venv/lib/site-packages/a.pem", False),
        ("/opt/app/key.pem", True),
    ],
)
def test_program_files_of_packages_hold_nobodys_secret(path: str, looked_at: bool) -> None:
    assert image_files.may_hold_a_secret(path) is looked_at


@pytest.mark.parametrize(
    ("mode", "gives"), [(0o104755, True), (0o102755, True), (0o102644, False), (0o100755, False), (0o106755, True)]
)
def test_setuid_and_setgid(mode: int, gives: bool) -> None:
    assert image_files.gives_privileges(mode) is gives


def entry(path: str) -> Entry:
    return Entry(path, Path("/nonexistent"), 0o100644, 1)


def test_a_container_does_not_see_what_a_higher_layer_replaced_or_took_away() -> None:
    top = Layer((entry("/b"),), frozenset({"/a", "/folder"}))
    below = Layer((entry("/a"), entry("/b"), entry("/c"), entry("/folder/inside")), frozenset())

    assert [one.path for one in layers.visible((top, below))] == ["/b", "/c"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a whiteout is a device, which only root makes")
def test_a_layer_is_read_with_its_whiteouts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "file").write_text("x")
    (tmp_path / "etc" / "link").symlink_to("file")
    os.mknod(tmp_path / "gone", stat.S_IFCHR | 0o600, os.makedev(0, 0))

    layer = layers._layer(tmp_path)

    assert [one.path for one in layer.files] == ["/etc/file"]
    assert layer.removed == {"/gone"}


def judged(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Any], file: dict[str, Any], asked: str | None = None
) -> None:
    monkeypatch.setattr(images, "inspected", lambda *_: {"Config": image})
    service = cast("Service", SimpleNamespace(name="app", one_shot=False, healthcheck=file))
    marks = [SimpleNamespace(args=[SimpleNamespace(id=asked)])] if asked else []
    item = SimpleNamespace(iter_markers=lambda _: marks)
    request = cast("pytest.FixtureRequest", SimpleNamespace(session=SimpleNamespace(items=[item])))
    stack = cast("Stack", SimpleNamespace(profile=Profile.empty()))
    checks.test_image_carries_a_health_check(stack, service, Evidence(), request)


@pytest.mark.parametrize(
    ("image", "file"),
    [({"Healthcheck": {"Test": ["CMD", "probe"]}}, {}), ({}, {"test": ["CMD", "probe"]})],
)
def test_a_health_check_may_be_in_the_image_or_in_the_file(
    monkeypatch: pytest.MonkeyPatch, image: dict[str, Any], file: dict[str, Any]
) -> None:
    judged(monkeypatch, image, file)


def test_an_image_and_a_file_without_a_health_check_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="app: neither image nor compose file has a check"):
        judged(monkeypatch, {"Healthcheck": {"Test": ["NONE"]}}, {})


def test_a_missing_health_check_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotApplicable, match="SEC-CMP-001"):
        judged(monkeypatch, {}, {}, asked="SEC-CMP-001")
