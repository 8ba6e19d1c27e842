"""Why: one secret is one finding, told at the line where it stands, and what may be missing or does not exist yet is said as that."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.model import Stack
from suites.check import Evidence
from suites.security.test_compose_secrets import test_every_variable_is_provided as variables
from suites.security.test_compose_secrets import test_no_secret_stands_by_value as secrets
from suites.security.test_secrets import first_run_makes
from suites.security.test_secrets import test_keys_are_never_in_git as modes

FOUR = "".join(f"  {name}: {{image: i, env_file: app.env}}\n" for name in ("api", "beat", "web", "worker"))


def stack_of(folder: Path, text: str, **files: str) -> Stack:
    (folder / "compose.yaml").write_text(f"services:\n{text}")
    for name, content in files.items():
        path = folder / {"dotenv": ".env"}.get(name, name.replace("_", "."))
        path.write_text(content)
        path.chmod(0o600)
    return Stack.load([folder / "compose.yaml"], env={})


def said(check: object, stack: Stack) -> list[str]:
    """What a check says about a stack, line by line; nothing: it passes."""
    try:
        check(stack, Evidence())  # type: ignore[operator]
    except AssertionError as error:
        return str(error).splitlines()
    return []


def test_one_env_file_for_four_services_is_one_finding_a_secret(tmp_path: Path) -> None:
    text = "DEBUG=0\nSECRET_KEY=abcdef\nDATABASE_URL=postgres://a:Xk29@db/a\nexport SMTP_PASS='12345'\n"

    found = said(secrets, stack_of(tmp_path, FOUR, app_env=text))

    assert len(found) == 3
    assert found[0].startswith(
        "app.env: SECRET_KEY holds a secret by value (for api, beat, web, worker), expected a file"
    )
    assert f"{tmp_path}/app.env:2" in found[0]
    assert f"{tmp_path}/app.env:4" in found[2]


def test_a_value_out_of_dot_env_stands_there(tmp_path: Path) -> None:
    text = (
        "  db:\n    image: i\n    environment: {DB_PASSWORD: '${PW}'}\n"
        "  app:\n    image: i\n    environment: [PW, 'URL=postgres://u:${PW}@db/a']\n"
        "  cache:\n    image: i\n    command: redis-server --requirepass ${PW}\n"
    )

    found = said(secrets, stack_of(tmp_path, text, dotenv="TAG=1\nPW=hunter22\n"))

    assert len(found) == 1
    assert found[0].startswith(".env: PW holds a secret by value (for db, app, cache), expected a file")
    assert ".env:2" in found[0]


def test_a_default_stands_in_the_compose_file(tmp_path: Path) -> None:
    text = "  cache:\n    image: i\n    command: redis-server --requirepass ${PW:-hunter22}\n"

    found = said(secrets, stack_of(tmp_path, text))

    assert len(found) == 1
    assert "compose.yaml:4" in found[0]


def test_no_password_at_all_is_found_where_it_stands(tmp_path: Path) -> None:
    text = "  db:\n    image: i\n    environment:\n      A: b\n      POSTGRES_HOST_AUTH_METHOD: trust\n"

    found = said(secrets, stack_of(tmp_path, text))

    assert found[0].startswith("db: environment POSTGRES_HOST_AUTH_METHOD is trust: no password is asked for at all")
    assert "compose.yaml:6" in found[0]


def test_a_reference_is_no_secret(tmp_path: Path) -> None:
    text = "  db: {image: i, volumes: ['./s:/etc/app:ro'], environment: {DB_PASSWORD: /etc/app/pw}}\n"

    assert said(secrets, stack_of(tmp_path, text)) == []


def test_an_optional_env_file_may_be_missing(tmp_path: Path) -> None:
    text = "  a: {image: i, env_file: [{path: nothere.env, required: false}]}\n"

    assert said(variables, stack_of(tmp_path, text)) == []


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_mode_is_judged_once(mode: int, tmp_path: Path) -> None:
    text = "  a: {image: i, environment: {DB_PASSWORD: '${DB_PASSWORD}'}, env_file: .env}\n"
    stack = stack_of(tmp_path, text, dotenv="DB_PASSWORD=hunter22\n")
    (tmp_path / ".env").chmod(mode)

    assert said(variables, stack) == []
    found = said(modes, stack)
    assert len(found) == (1 if mode == 0o644 else 0)
    assert all(".env:1]" in line for line in found)


def test_another_env_files_mode_is_still_judged(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, FOUR, app_env="DB_PASSWORD=hunter22\n")
    (tmp_path / "app.env").chmod(0o644)

    found = said(variables, stack)

    assert len(found) == 1
    assert "app.env has mode 0644" in found[0]
    assert "app.env:1]" in found[0]


def test_an_env_file_without_a_secret_may_be_read_by_everybody(tmp_path: Path) -> None:
    stack = stack_of(tmp_path, FOUR, app_env="DEBUG=0\nLOG_LEVEL=info\n")
    (tmp_path / "app.env").chmod(0o644)

    assert said(variables, stack) == []


def test_a_line_that_several_services_share_is_one_finding(tmp_path: Path) -> None:
    text = "  a: &a\n    image: i\n    environment: &e {DB_PASSWORD: hunter22}\n  b: {<<: *a}\n  c: {image: i, environment: *e}\n"

    found = said(secrets, stack_of(tmp_path, text))

    assert len(found) == 1
    assert found[0].startswith("a, b, c: environment DB_PASSWORD holds a secret by value")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ("gitlab_rails['smtp_password'] = \"sm7p-rel4y\"", 1),
        ("gitlab_rails['smtp_password'] = File.read('/run/secrets/smtp')", 0),
        ("gitlab_rails['smtp_password'] = ''", 0),
    ],
)
def test_a_password_in_ruby_settings_is_found_and_a_call_that_fetches_it_is_none(
    config: str, found: int, tmp_path: Path
) -> None:
    text = f"  a:\n    image: i\n    environment:\n      GITLAB_OMNIBUS_CONFIG: |\n        {config}\n"

    assert len(said(secrets, stack_of(tmp_path, text))) == found


def test_before_the_first_run_the_reason_says_what_makes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert first_run_makes(tmp_path / "stack" / "secrets.enc.yaml") == (
        "stack/secrets.enc.yaml is made by the first run: make up (or python -m stack.ops secrets init)"
    )
