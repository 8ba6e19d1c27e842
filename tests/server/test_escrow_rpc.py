"""Calls to a wallet: logged in by digest, one after the other, and never taken for done when they were not."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from marketplace_server.escrow.rpc import Refused, Rpc, Silent, authorization

CHALLENGE = 'Digest qop="auth",algorithm=MD5,realm="monero-rpc",nonce="abc",stale=false'
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def _answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = "".join(f"{header}\r\n" for header in headers)
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body


async def _question(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.lower().partition("content-length: ")[2].partition("\r\n")[0])
    return head, await reader.readexactly(length)


@asynccontextmanager
async def _wallet(handle: Handler):  # type: ignore[no-untyped-def]
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
            await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Rpc("vendor", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "secret")


def _call(body: bytes, status: str = "200 OK") -> dict[str, object]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _question(reader)
        writer.write(_answer(body, status))

    async def ask() -> dict[str, object]:
        async with _wallet(handle) as rpc:
            answer: dict[str, object] = await rpc.call("get_height", within=1)
            return answer

    return asyncio.run(ask())


def test_a_result_is_returned() -> None:
    assert _call(b'{"result": {"height": 7}}') == {"height": 7}


def test_an_error_is_a_refusal_with_its_number() -> None:
    with pytest.raises(Refused, match="not enough money") as refused:
        _call(b'{"error": {"code": -17, "message": "not enough money"}}')
    assert refused.value.code == -17


@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b"{}", b'{"result": 7}', b'{"result": null}'])
def test_anything_else_is_silence(body: bytes) -> None:
    with pytest.raises(Silent):
        _call(body)


def test_a_failed_status_is_silence() -> None:
    with pytest.raises(Silent, match="status 500"):
        _call(b'{"result": {}}', "500 Internal")


def test_a_challenge_is_answered_on_the_same_connection() -> None:
    heads: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await _question(reader))[0])
        writer.write(_answer(b"", "401 Unauthorized", f"WWW-Authenticate: {CHALLENGE}"))
        head, body = await _question(reader)
        heads.append(head)
        writer.write(_answer(json.dumps({"result": json.loads(body)}).encode()))

    async def ask() -> dict[str, object]:
        async with _wallet(handle) as rpc:
            answer: dict[str, object] = await rpc.call("refresh", start_height=1)
            return answer

    assert asyncio.run(ask())["params"] == {"start_height": 1}
    assert "Authorization" not in heads[0]
    assert 'username="seatrial"' in heads[1]
    assert "secret" not in heads[1]


def test_a_wallet_that_says_nothing_costs_its_time_and_no_more() -> None:
    async def handle(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def ask() -> None:
        async with _wallet(handle) as rpc:
            await rpc.call("refresh", within=0.1)

    with pytest.raises(Silent, match="TimeoutError"):
        asyncio.run(ask())


def test_nobody_there_is_silence() -> None:
    with pytest.raises(Silent):
        asyncio.run(Rpc("vendor", "http://127.0.0.1:1").call("refresh", within=1))


def test_a_wallet_is_asked_one_thing_at_a_time() -> None:
    at_once = [0, 0]

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _question(reader)
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(0.02)
        at_once[0] -= 1
        writer.write(_answer(b'{"result": {}}'))

    async def ask() -> None:
        async with _wallet(handle) as rpc:
            await asyncio.gather(*(rpc.call("refresh") for _ in range(5)))

    asyncio.run(ask())
    assert at_once[1] == 1


def test_a_login_other_than_md5_digest_is_not_answered() -> None:
    with pytest.raises(ValueError, match="digest"):
        authorization(["Basic realm=x", CHALLENGE.replace("MD5", "SHA-256")], "/json_rpc", "secret")
