"""Profiles are data, and wrong data is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from load.profiles import PROFILES, Target, for_users, read, write
from stack.errors import UserError

TARGET = Target("198.51.100.1", 443, "market.seatrial.test", "/ca.crt", ("198.51.100.20",))


def test_users_are_a_fifth_as_many_arrivals_a_second() -> None:
    rates = {name: profile.rate[0].begin_rate for name, profile in PROFILES.items() if name != "smoke"}

    assert rates == {"100": 20, "500": 100, "1000": 200, "2000": 400}


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    profile = for_users(100, seconds=3)

    write(profile, TARGET, tmp_path / "plan.json")

    assert read(tmp_path / "plan.json") == (profile, TARGET)


@pytest.mark.parametrize(
    ("section", "name", "value", "said"),
    [
        ("profile", "users", -5, "users is -5"),
        ("profile", "warm_up_seconds", -1, "warm_up_seconds is -1"),
        ("profile", "rate", [{"seconds": 5, "begin_rate": -1, "end_rate": 1}], "a rate is -1"),
        ("profile", "rate", [], "rate and mix need an entry"),
        ("profile", "rate", None, "NoneType"),
        ("profile", "objectives", {"p95_ms": 0}, "p95_ms is 0"),
        ("profile", "flavour", 1, "flavour"),
        ("target", "port", None, "port"),
    ],
)
def test_what_can_not_be_is_refused(section: str, name: str, value: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    write(for_users(100), TARGET, path)
    facts = json.loads(path.read_text())
    facts[section][name] = value
    if name == "port":
        del facts[section][name]
    path.write_text(json.dumps(facts))

    with pytest.raises(UserError, match=said):
        read(path)


def test_a_missing_plan_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no load profile"):
        read(tmp_path / "none.json")
