"""Accounts and sessions: what an attacker would try first."""

import time

import pytest
from marketplace_server.passwords import Passwords
from starlette.testclient import TestClient

from tests.server.conftest import PASSWORD, Person, person


def _login(client: TestClient, username: str, password: str = PASSWORD, **headers: str) -> object:
    answer = client.post("/api/login", json={"username": username, "password": password}, headers=headers)
    client.cookies.clear()
    return answer


def test_a_taken_name_is_answered_like_a_free_one(client: TestClient, vendor: Person) -> None:
    free = client.post("/api/register", json={"username": "surely-free-name", "password": PASSWORD})
    taken = client.post("/api/register", json={"username": vendor.username.upper(), "password": PASSWORD})

    assert (taken.status_code, set(taken.json())) == (free.status_code, set(free.json())) == (201, {"id", "sequence"})


def test_an_account_whose_name_was_taken_logs_in_by_its_id_and_never_by_the_name(
    client: TestClient, vendor: Person
) -> None:
    made = client.post("/api/register", json={"username": vendor.username, "password": "another password"}).json()

    by_id = client.post("/api/login", json={"username": made["id"], "password": "another password"})
    by_name = client.post("/api/login", json={"username": vendor.username, "password": "another password"})
    client.cookies.clear()

    assert by_id.json()["account_id"] == made["id"]
    assert by_name.status_code == 401


def test_unknown_account_and_wrong_password_are_answered_alike(client: TestClient, vendor: Person) -> None:
    unknown = client.post("/api/login", json={"username": "nobody-here", "password": "x"}).json()["error"]
    wrong = client.post("/api/login", json={"username": vendor.username, "password": "x"}).json()["error"]

    assert (unknown["code"], unknown["message"]) == (wrong["code"], wrong["message"])


def test_unknown_account_takes_as_long_as_a_wrong_password(client: TestClient, vendor: Person) -> None:
    def seconds(username: str) -> float:
        started = time.process_time()  # of all threads of this process, the server's too, and of nobody else's
        client.post("/api/login", json={"username": username, "password": "not it at all"})
        return time.process_time() - started

    pairs = [(seconds("nobody-here"), seconds(vendor.username)) for _ in range(7)]
    unknown, wrong = (min(column) for column in zip(*pairs, strict=True))

    assert 0.5 < unknown / wrong < 2, f"unknown {unknown:.4f} s, wrong password {wrong:.4f} s"


def test_the_stored_password_is_argon2id_with_the_recommended_cost() -> None:
    assert Passwords()._dummy.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_login_gives_a_cookie_that_scripts_and_other_sites_never_see(client: TestClient, vendor: Person) -> None:
    answer = client.post("/api/login", json={"username": vendor.username, "password": PASSWORD})
    client.cookies.clear()

    cookie = answer.headers["set-cookie"]
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"))


def test_login_ends_the_session_the_client_came_with(client: TestClient) -> None:
    somebody = person(client)

    again = client.post(
        "/api/login", json={"username": somebody.username, "password": PASSWORD}, headers=somebody.headers
    ).json()["token"]
    client.cookies.clear()

    assert again != somebody.token
    assert client.get("/api/orders", headers=somebody.headers).status_code == 401
    assert client.get("/api/orders", headers={"Authorization": f"Bearer {again}"}).status_code == 200


def test_logout_kills_the_session(client: TestClient) -> None:
    somebody = person(client)

    answer = client.post("/api/logout", headers=somebody.headers)

    assert answer.status_code == 200
    assert answer.json()["sequence"] > 0
    assert client.post("/api/logout", headers=somebody.headers).status_code == 401


def test_the_database_holds_no_token_and_an_expired_session_is_dead(client: TestClient) -> None:
    somebody = person(client)
    database = client.app.state.context.database  # type: ignore[attr-defined]
    held = database._writer.execute("SELECT token_hash FROM sessions").fetchall()

    assert all(somebody.token.encode() not in row[0] for row in held)
    database._writer.execute("UPDATE sessions SET expires_at = 1 WHERE account_id = ?", (somebody.id,))
    assert client.get("/api/orders", headers=somebody.headers).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "https://market.seatrial.test.evil.test"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "https://market.seatrial.test]"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_request_from_another_origin_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/api/register", json={"username": "mallory", "password": PASSWORD}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")


def test_a_request_from_our_own_page_is_taken(client: TestClient, vendor: Person) -> None:
    answer = _login(client, vendor.username, Origin="https://market.seatrial.test")

    assert answer.status_code == 200  # type: ignore[attr-defined]
