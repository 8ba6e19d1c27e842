"""Packages of a newer release come from the machine's own mirror, and nothing else moves to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import debian
from stack.errors import UserError
from stack.progress import Progress
from tests.stack.fake_programs import FakePrograms, programs

__all__ = ["programs"]
QUIET = Progress(quiet=True)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""Types: deb
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main
Signed-By: {KEYRING}
"""
VENDOR = """Types: deb
URIs: http://vendor.test/apt
Suites: bookworm
Components: stable
Signed-By: /etc/apt/keyrings/vendor.gpg
"""


@pytest.fixture
def etc_apt(tmp_path: Path) -> Path:
    """An empty /etc/apt."""
    for folder in ("sources.list.d", "preferences.d"):
        (tmp_path / "apt" / folder).mkdir(parents=True)
    return tmp_path / "apt"


def test_deb822_sources_keep_mirror_and_key_and_change_only_the_suite(etc_apt: Path) -> None:
    (etc_apt / "sources.list.d" / "debian.sources").write_text(DEB822)

    derived = debian.derived_sources(etc_apt, "bookworm")

    assert "URIs: http://mirror.test/debian\nSuites: trixie trixie-updates\n" in derived
    assert "URIs: http://mirror.test/security\nSuites: trixie-security\n" in derived
    assert derived.count(f"Signed-By: {KEYRING}") == 2


def test_one_line_sources_are_understood(etc_apt: Path) -> None:
    (etc_apt / "sources.list").write_text(f"# x\ndeb [signed-by={KEYRING}] http://m.test/debian bookworm main\n")

    derived = debian.derived_sources(etc_apt, "bookworm")

    assert derived == (
        f"Types: deb\nURIs: http://m.test/debian\nSuites: trixie\nComponents: main\nSigned-By: {KEYRING}\n"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("vendor.sources", VENDOR),
        ("source-only.sources", DEB822.replace("Types: deb\n", "Types: deb-src\n")),
        ("other-release.list", "deb http://m.test/debian bullseye main\n"),
        ("suffixed.list", "deb http://m.test/pg bookworm-pgdg main\n"),
        ("debian.sources.disabled", DEB822),
    ],
)
def test_what_is_not_the_distributions_own_is_not_derived_from(etc_apt: Path, name: str, text: str) -> None:
    (etc_apt / "sources.list.d" / name).write_text(text)

    assert debian.derived_sources(etc_apt, "bookworm") == ""


def test_every_suite_of_the_newer_release_is_pinned_below_the_hosts_own(
    etc_apt: Path, programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("apt-get", "exit 0")
    monkeypatch.setattr(debian, "release", lambda: {"VERSION_CODENAME": "bookworm"})
    (etc_apt / "sources.list.d" / "debian.sources").write_text(DEB822)

    debian.add_newer_release(QUIET, etc_apt)

    pin = (etc_apt / debian.PIN_FILE).read_text()
    # trixie-security is a release name of its own: only the star catches it.
    assert "Pin: release n=trixie*\nPin-Priority: 100\n" in pin


def test_a_mirror_without_the_newer_release_leaves_no_source_behind(
    etc_apt: Path, programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("apt-get", 'echo "E: no Release file" >&2; exit 100')
    monkeypatch.setattr(debian, "release", lambda: {"VERSION_CODENAME": "bookworm"})
    (etc_apt / "sources.list.d" / "debian.sources").write_text(DEB822)

    with pytest.raises(UserError, match="could not read trixie's package lists: E: no Release file"):
        debian.add_newer_release(QUIET, etc_apt)

    assert sorted(file.name for file in etc_apt.rglob("*") if file.is_file()) == ["debian.sources"]


def test_a_missing_package_without_root_names_the_command(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.add("apt-get", "exit 0")
    monkeypatch.setattr(debian.os, "geteuid", lambda: 1000)

    with pytest.raises(UserError, match=r"or `apt-get install gnupg age` first"):
        debian.install(["gnupg", "age/trixie"], QUIET, why="a sea trial")

    assert programs.calls == []


def test_a_package_that_can_not_be_installed_is_told_with_apts_reason(
    programs: FakePrograms, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.add("apt-cache", "echo '  Candidate: 1.0'")
    programs.add("apt-get", 'echo "Reading..."; echo "E: You don\'t have enough free space" >&2; exit 100')
    monkeypatch.setattr(debian.os, "geteuid", lambda: 0)

    with pytest.raises(UserError, match="could not install gnupg: E: You don't have enough free space"):
        debian.install(["gnupg"], QUIET, why="a sea trial")
