"""Why: the hunter's "nothing found" is only worth what it would have found, so every encoding is tried at every position."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.security.rules.canary import Hunter, forms

SECRETS = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@given(SECRETS, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_is_found_in_base64_whatever_stands_around_it(secret: str, before: bytes, after: bytes) -> None:
    raw = before + secret.encode() + after

    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        assert ("it", "base64") in Hunter({"it": secret}).found_in(b"Authorization: Basic " + encoded)


@given(SECRETS)
def test_a_secret_is_found_plain_and_in_hex_and_in_a_url(secret: str) -> None:
    hunter = Hunter({"it": secret})

    assert ("it", "plain") in hunter.found_in(f"x{secret}y".encode())
    assert ("it", "hex") in hunter.found_in(secret.encode().hex().upper().encode())
    quoted = quote(secret, safe="")
    assert ("it", "plain" if quoted == secret else "URL-encoded") in hunter.found_in(quoted.encode())
    assert ("it", "URL-encoded") in hunter.found_in("".join(f"%{byte:02X}" for byte in secret.encode()).encode())


@given(st.binary(max_size=400))
def test_nothing_is_found_where_nothing_is(data: bytes) -> None:
    assert Hunter({"it": "Zk3vQx7LmPz49TqWb8RnYc2HsDf6GjAe"}).found_in(data) == []


@pytest.mark.parametrize("value", ["", "short"])
def test_values_too_short_to_tell_are_left_out(value: str) -> None:
    assert Hunter({"it": value}).found_in(b"short and empty") == []


def test_no_needle_is_so_short_that_chance_finds_it() -> None:
    needles = {needle for found in forms("12345678").values() for needle in found}

    assert min(map(len, needles)) >= 8
