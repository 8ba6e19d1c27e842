"""A mistake in a profile is reported with its line and the nearest right word; a sound one is read whole."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.errors import UserError
from stack.profile import Profile
from stack.toml_lines import key_lines

REFUSED = {
    "unknown table": ("[stack]\nname = 'x'\n\n[flwos]\na = 1\n", ":4: unknown key 'flwos' (did you mean 'flows'?)"),
    "unknown key": ("[services.a]\nroel = 'edge'\n", ":2: unknown key 'roel' (did you mean 'role'?)"),
    "unknown key in a list": ("[[flows]]\nfrom='a'\nto='b'\nport=1\n[[flows]]\nfrom='a'\nto='c'\nport=2\nprot='tcp'\n",
                              ":9: unknown key 'prot'"),
    "unknown key in a nested table": ("[gate.staging]\nscore = 90\nscor = 2\n", ":3: unknown key 'scor'"),
    "a lower gate": ("[gate.staging]\nscore = 5\n", ":2: 'gate.staging.score' is 5: input should be greater than or equal to 85"),
    "a lower gate's coverage": ("[gate.production]\nscore = 96\ncoverage = 0\n", ":3: 'gate.production.coverage' is 0"),
    "wrong type": ("[load]\nusers = 'many'\n", ":2: 'load.users' must be a whole number, not 'many'"),
    "wrong type of a table": ("load = 3\n", ":1: 'load' must be a table, not 3"),
    "wrong type of a list": ("[egress]\n\n\nallowed = 'a'\n", ":4: 'egress.allowed' must be a list"),
    "missing": ("[[flows]]\nfrom = 'a'\nto = 'b'\n", ":1: 'flows.0.port' is missing"),
    "out of range": ("[stack]\nhttps_port = 70000\n", ":2: 'stack.https_port' is 70000"),
    "unknown role": ("[services.a]\nrole = 'egde'\n", ":2: 'services.a.role' is 'egde'"),
    "reason too short": ("[[exceptions]]\ncheck='X'\nreason='so'\n", ":3: 'exceptions.0.reason'"),
    "flow twice": ("[[flows]]\nfrom='a'\nto='b'\nport=1\n[[flows]]\nfrom='a'\nto='b'\nport=1\n", "is listed twice"),
    "not TOML": ("[stack\n", ":1: not valid TOML"),
    "duplicate": ("[stack]\nname='a'\nname='b'\n", ":3: not valid TOML"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_mistake_is_told_in_one_sentence_with_its_line(name: str, tmp_path: Path) -> None:
    text, expected = REFUSED[name]
    path = tmp_path / "profile.toml"
    path.write_text(text)

    with pytest.raises(UserError) as refused:
        Profile.load(path)

    assert expected in str(refused.value)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[services.web]\n[services.dv]\n", ":2: unknown service 'dv' (did you mean 'db'?)"),
        ("[[flows]]\nfrom = 'web'\nto = 'dv'\nport = 1\n", ":3: unknown service 'dv'"),
        ("[egress]\nallowed = ['zzz']\n", ":2: unknown service 'zzz' (the compose files have no such service)"),
        ("[stack]\nedge = 'nginx'\n", ":2: unknown service 'nginx'"),
        ("[metrics]\nservice = 'p'\nport = 1\n", ":2: unknown service 'p'"),
    ],
)
def test_a_service_the_compose_files_lack_is_told_with_its_line(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(text)
    profile = Profile.load(path)

    with pytest.raises(UserError, match="unknown service") as refused:
        profile.require_services(frozenset({"web", "db"}))

    assert expected in str(refused.value)


def test_outside_and_host_may_stand_in_a_flow(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text("[[flows]]\nfrom = 'outside'\nto = 'web'\nport = 443\n")

    Profile.load(path).require_services(frozenset({"web"}))


@pytest.mark.parametrize("make", ["missing", "folder", "binary"])
def test_a_file_that_is_none_is_told(make: str, tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    if make == "folder":
        path.mkdir()
    elif make == "binary":
        path.write_bytes(b"\xff\xfe")

    with pytest.raises(UserError, match=r"profile\.toml: (no such file|cannot be read|not UTF-8)"):
        Profile.load(path)


def test_the_reference_stacks_profile_is_sound() -> None:
    from stack.model import Stack

    root = Path(__file__).resolve().parents[2]

    stack = Stack.load([root / "stack" / "compose.yaml"], profile=root / "stack" / "profile.toml")

    assert stack.profile.stack.edge == "nginx"


def test_an_empty_profile_promises_nothing_and_says_what_would() -> None:
    profile = Profile.empty()

    assert profile.flows is None
    assert profile.recovery("web") is None
    assert profile.excepted("SEC-CMP-001", "web") is None
    assert "--profile FILE" in profile.missing("[[flows]]")


def test_a_services_own_recovery_comes_before_the_stacks(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text("[objectives]\nrecovery_seconds = 30\n[services.db]\nrecovery_seconds = 5\n")

    profile = Profile.load(path)

    assert profile.recovery("db") == timedelta(seconds=5)
    assert profile.recovery("web") == timedelta(seconds=30)


def test_an_exception_covers_its_service_and_thing_only(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text(
        "[[exceptions]]\ncheck='SEC-CMP-006'\nservice='a'\nwhat='/proc'\nreason='it reads the host metrics'\n"
    )

    profile = Profile.load(path)

    assert profile.excepted("SEC-CMP-006", "a", "/proc")
    assert not profile.excepted("SEC-CMP-006", "a", "/")
    assert not profile.excepted("SEC-CMP-006", "b", "/proc")
    assert not profile.excepted("SEC-CMP-007", "a", "/proc")


def test_lines_are_found_behind_strings_brackets_and_comments() -> None:
    text = (
        'a = """\n[not.a.table]\nb = 1\n"""\n'  # 1-4
        "list = [ # [x]\n  1,\n  2,\n]\n"  # 5-8
        '"quoted.key" = "# no comment" # comment\n'  # 9
        "[t.'u v']\n"  # 10
        "c.d = 1\n"  # 11
        "[[arr]]\n[[arr]]\nx = 1\n[arr.sub]\ny = 2\n"  # 12-16
    )

    lines = key_lines(text)

    assert lines["a",] == 1
    assert ("b",) not in lines
    assert lines["list",] == 5
    assert lines["quoted.key",] == 9
    assert lines["t", "u v"] == 10
    assert lines["t", "u v", "c", "d"] == 11
    assert lines["arr", 0] == 12
    assert lines["arr", 1, "x"] == 14
    assert lines["arr", 1, "sub", "y"] == 16


@given(st.text(max_size=300))
def test_any_text_is_either_read_or_refused_in_one_sentence(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "profile.toml"
        path.write_text(text, "utf-8", newline="")
        try:
            Profile.load(path)
        except UserError as error:
            assert str(error).startswith(str(path))
