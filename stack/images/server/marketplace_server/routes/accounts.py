"""Register, log in, log out."""

from starlette.requests import Request
from starlette.responses import Response

from .. import accounts, journal, payloads, replies
from ..answers import answer
from ..connection import Connection
from ..context import context
from ..errors import Unauthenticated, Unavailable, WrongCredentials
from ..operation import Operation, operation
from ..sessions import COOKIE


@operation(Operation(answers={201: replies.Registered}, body=payloads.Registration, refusals=(Unavailable,)))
async def register(request: Request) -> Response:
    """Make an account. A taken name gets the same answer in the same time, and the account logs in by its id."""
    parts = context(request)
    wanted = await payloads.body(request, payloads.Registration)
    password_hash = await parts.passwords.hash(wanted.password)
    account_id, sequence = await parts.database.write(
        lambda connection: accounts.create(connection, wanted.username, password_hash)
    )
    parts.metrics.registrations.inc()
    parts.metrics.sequence.set(sequence)
    return answer(replies.Registered(id=account_id, sequence=sequence), 201)


@operation(Operation(answers={200: replies.Session}, body=payloads.Login, refusals=(WrongCredentials, Unavailable)))
async def login(request: Request) -> Response:
    """Begin a session, by name or account id. The one the request came with ends."""
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
    session = replies.Session(token=token, account_id=account_id, expires_at=expires, sequence=sequence)
    response = answer(session)
    response.set_cookie(
        COOKIE, token, max_age=parts.sessions.lifetime_seconds, path="/", secure=True, httponly=True, samesite="strict"
    )
    return response


@operation(Operation(answers={200: replies.LoggedOut}, needs_session=True, refusals=(Unavailable,)))
async def logout(request: Request) -> Response:
    """End the session; its token is dead from this answer on."""
    parts = context(request)
    token_hash = parts.sessions.token_hash(request)

    def end(connection: Connection) -> int:
        account_id = parts.sessions.account(connection, token_hash)
        if token_hash is None or not parts.sessions.end(connection, token_hash):
            raise Unauthenticated
        return journal.record(connection, "logout", account_id)

    sequence = await parts.database.write(end)
    parts.metrics.sequence.set(sequence)
    response = answer(replies.LoggedOut(sequence=sequence))
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return response
