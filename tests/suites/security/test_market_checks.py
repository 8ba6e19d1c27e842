"""Why: the reference marketplace has none of these holes, so a marketplace with all of them shows that they would be found."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.edge import Edge
from suites.check import Evidence
from suites.security import test_injection as injection
from suites.security import test_sessions as sessions
from suites.security.edge_client import EdgeClient
from suites.security.rules import password_hash
from suites.security.rules.timing import tells_apart
from suites.security.visitor import Marketplace
from tests.sabotage.security import keys
from tests.suites.security.leaky_market import Shop, dial, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Marketplace, Shop]]:
    keys.certificates(tmp_path / "tls")
    with open_shop(tmp_path / "tls" / "short.crt", tmp_path / "tls" / "short.key") as (port, found):
        edge = EdgeClient(Edge("127.0.0.1", port, None, keys.NAME, None), dial)
        yield Marketplace(edge, itertools.repeat(None)), found


def test_sessions_that_never_end_are_found(shop: tuple[Marketplace, Shop]) -> None:
    with pytest.raises(AssertionError) as said:
        sessions.test_sessions_end_and_change(shop[0], lambda _: None, Evidence())

    for text in (
        "a session an attacker chose beforehand is taken",
        "the session from before a login still works after it",
        "a session still works after logout",
        "a session lasts 400 days",
        "a session whose time is over still works",
    ):
        assert text in str(said.value)


def test_orders_open_to_everybody_are_found(shop: tuple[Marketplace, Shop]) -> None:
    with pytest.raises(AssertionError) as said:
        sessions.test_orders_are_their_parties_alone(shop[0], Evidence())

    for text in (
        "GET /api/orders/ORDER by nobody is answered 200",
        "release by another user",
        "list of orders",
        "changed",
    ):
        assert text in str(said.value)


def test_answers_that_tell_who_exists_are_found(shop: tuple[Marketplace, Shop]) -> None:
    with pytest.raises(AssertionError) as said:
        sessions.test_nothing_tells_which_accounts_exist(shop[0], Evidence())

    assert "login answers" in str(said.value)
    assert "registration answers" in str(said.value)


def test_requests_of_foreign_pages_are_found(shop: tuple[Marketplace, Shop]) -> None:
    with pytest.raises(AssertionError, match="another site: answered 201, expected 403"):
        sessions.test_foreign_pages_change_nothing(shop[0], Evidence())


def test_injections_are_found(shop: tuple[Marketplace, Shop]) -> None:
    with pytest.raises(AssertionError) as said:
        injection.test_injections_change_nothing(shop[0], lambda: shop[1].log, Evidence())

    for text in (
        "in the search finds what was not asked for",
        "in the search is answered 500",
        "a client's header",
        "a line of the log",
    ):
        assert text in str(said.value)


@pytest.mark.parametrize(
    ("known", "unknown", "told"),
    [
        ([0.050, 0.080], [0.052, 0.051], False),
        ([0.050, 0.080, 0.051, 0.052], [0.003, 0.120, 0.003, 0.004], True),
        ([0.029, 0.120, 0.090, 0.110], [0.073, 0.090, 0.110, 0.080], False),
        ([0.004, 0.009], [0.001, 0.001], False),
        ([0.500, 0.450], [0.400, 0.410], False),
    ],
)
def test_only_a_difference_of_work_tells(known: list[float], unknown: list[float], told: bool) -> None:
    assert (tells_apart(known, unknown) is not None) is told


@pytest.mark.parametrize(
    ("stored", "good"),
    [
        ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", True),
        ("$argon2id$v=19$m=47104,t=1,p=1$c2FsdA$aGFzaA", True),
        ("$argon2id$v=19$m=4096,t=3,p=1$c2FsdA$aGFzaA", False),
        ("$argon2i$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA", False),
        ("scrypt:131072:8:1$salt$hash", True),
        ("scrypt:16384:8:1$salt$hash", False),
        ("$scrypt$ln=17,r=8,p=1$salt$hash", True),
        ("$2b$12$abcdefghijklmnopqrstuv", False),
        ("pbkdf2:sha256:600000$salt$hash", False),
        ("5f4dcc3b5aa765d61d8327deb882cf99", False),
        ("hunter2", False),
    ],
)
def test_only_memory_hard_hashes_pass(stored: str, good: bool) -> None:
    assert (password_hash.problem(stored) is None) is good
