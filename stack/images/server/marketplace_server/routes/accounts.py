"""Register, log in, log out."""

from starlette.requests import Request
from starlette.responses import Response

from .. import accounts, journal, payloads
from ..answers import answer
from ..connection import Connection
from ..context import context
from ..errors import Unauthenticated, WrongCredentials
from ..sessions import COOKIE


async def register(request: Request) -> Response:
    """Make an account → 201 {id, sequence}. A taken name gets the same answer in the same time."""
    parts = context(request)
    wanted = await payloads.body(request, payloads.Registration)
    password_hash = await parts.passwords.hash(wanted.password)
    account_id, sequence = await parts.database.write(
        lambda connection: accounts.create(connection, wanted.username, password_hash)
    )
    parts.metrics.registrations.inc()
    parts.metrics.sequence.set(sequence)
    return answer({"id": account_id, "sequence": sequence}, 201)


async def login(request: Request) -> Response:
    """Begin a session → 200 {token, expires_at, sequence} and the cookie; any earlier session of the client ends."""
    parts = context(request)
    given = await payloads.body(request, payloads.Login)
    known = await parts.database.read(lambda connection: accounts.find(connection, given.username))
    if not await parts.passwords.verify(known.password_hash if known else None, given.password) or not known:
        parts.metrics.logins.labels("refused").inc()
        raise WrongCredentials
    account_id = known.account_id
    previous = parts.sessions.token_hash(request)

    def begin(connection: Connection) -> tuple[str, float, int]:
        token, expires = parts.sessions.begin(connection, account_id, previous)
        return token, expires, journal.record(connection, "login", account_id)

    token, expires, sequence = await parts.database.write(begin)
    parts.metrics.logins.labels("accepted").inc()
    parts.metrics.sequence.set(sequence)
    response = answer({"token": token, "account_id": account_id, "expires_at": expires, "sequence": sequence})
    response.set_cookie(
        COOKIE, token, max_age=parts.sessions.lifetime_seconds, path="/", secure=True, httponly=True, samesite="strict"
    )
    return response


async def logout(request: Request) -> Response:
    """End the session → 200 {sequence}; its token is dead from this answer on. Without one: 401."""
    parts = context(request)
    token_hash = parts.sessions.token_hash(request)

    def end(connection: Connection) -> int:
        account_id = parts.sessions.account(connection, token_hash)
        if token_hash is None or not parts.sessions.end(connection, token_hash):
            raise Unauthenticated
        return journal.record(connection, "logout", account_id)

    sequence = await parts.database.write(end)
    parts.metrics.sequence.set(sequence)
    response = answer({"sequence": sequence})
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response
