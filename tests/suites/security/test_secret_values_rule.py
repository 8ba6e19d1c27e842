"""Why: a missed password is a leak, and a false alarm about `PASSWORD_FILE` teaches people to look away. The value is never shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.security.rules import secret_values as rule


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2hunter2"),
        ("MYSQL_ROOT_PASSWORD", "root"),
        ("POSTGRES_PASSWORD", "postgres"),
        ("dbPassword", "Xk29vq"),
        ("API_KEY", "abcdef123456"),
        ("GITHUB", "ghp_" + "a" * 36),
        ("AWS", "AKIA" + "A" * 16),
        ("DATABASE_URL", "postgres://app:sUp3r@db/app"),
        ("AMQP", "amqp://guest:guest@rabbit:5672/"),
        ("KEY", "-----BEGIN RSA PRIVATE KEY-----"),
        ("X", "AGE-SECRET-KEY-1" + "Q" * 58),
        ("SECRET_KEY", "0f1e2d3c4b5a"),
        ("SESSION_SECRET", "x" * 40),
        ("PASSPHRASE", "correct horse"),
    ],
)
def test_secrets_are_found(name: str, value: str) -> None:
    why = rule.is_by_value(name, value)

    assert why
    assert value not in why


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD_FILE", "/run/secrets/DB_PASSWORD"),
        ("DB_PASSWORD", "/run/secrets/DB_PASSWORD"),
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", None),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("TOKEN_TTL", "3600"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("TOKEN_URL", "https://id.example/token"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("COMPASS", "north"),
        ("KEYBOARD", "de"),
        ("AUTHOR", "somebody"),
        ("SECRET_NAME", "database"),
        ("PUBLIC_KEY", "age1abc"),
        ("MONKEY", "banana"),
        ("DATABASE_URL", "postgres://app@db/app"),
        ("DATABASE_URL", "postgres://app:${PASSWORD}@db/app"),
        ("PATH", "/usr/bin"),
        ("TOKEN", "ENC[AES256_GCM,data:x]"),
    ],
)
def test_what_only_speaks_about_a_secret_is_not(name: str, value: str | None) -> None:
    assert rule.is_by_value(name, value) is None


@pytest.mark.parametrize(
    "words",
    [
        ["--password=Xk29vq"],
        ["--db-password", "Xk29vq"],
        ["redis-server", "--requirepass", "Xk29vq"],
        ["redis-server", "requirepass", "Xk29vq"],
        ["--rpc-login=user:Xk29vq"],
        ["env", "PGPASSWORD=Xk29vq", "psql"],
        ["curl", "https://me:Xk29vq@example/"],
    ],
)
def test_secrets_on_command_lines_are_found(words: list[str]) -> None:
    assert rule.in_words(words)


@pytest.mark.parametrize(
    "words",
    [
        ["--password-file=/run/secrets/p"],
        ["--password-file", "/run/secrets/p"],
        ["--password", "/run/secrets/p"],
        ["--password=$PASSWORD"],
        ["--token-ttl", "60"],
        ["nginx", "-g", "daemon off;"],
        ["--config-file=/run/secrets/wallet-rpc.conf"],
    ],
)
def test_references_on_command_lines_are_not(words: list[str]) -> None:
    assert rule.in_words(words) == []


def test_an_example_may_hold_placeholders_and_nothing_real() -> None:
    text = "# DB\nDB_PASSWORD=changeme\nAPI_TOKEN=Xk29vqLmPz\nexport SECRET='${X}'\n"

    assert [name for _, name, _ in rule.in_env_file(text, placeholders=True)] == ["API_TOKEN"]
    assert [(line, name) for line, name, _ in rule.in_env_file(text)] == [(2, "DB_PASSWORD"), (3, "API_TOKEN")]


@given(st.text(), st.text())
def test_no_text_makes_it_stumble_or_repeat_a_value(name: str, value: str) -> None:
    why = rule.is_by_value(name, value)

    assert why is None or why in {*rule._FORMS, rule.IN_A_URL, rule.INSIDE, rule.A_PAIR, rule.A_SECRET}
