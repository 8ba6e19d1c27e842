"""Answers DNS questions late, or says that there is no such name: run in a helper, by its text, with Python alone.

    python3 -c TEXT PORT late MILLISECONDS
    python3 -c TEXT PORT nxdomain

It asks the engine's DNS (127.0.0.11), which knows its own uid's questions from the target's. UDP and TCP (RFC 1035, 4.2).
"""

import asyncio
import sys

ENGINES = ("127.0.0.11", 53)
PATIENCE_SECONDS = 5.0


def no_such_name(question: bytes) -> bytes:
    """The question sent back as its own answer: NXDOMAIN (RFC 1035, 4.1.1), without records."""
    flags = int.from_bytes(question[2:4], "big")
    said = 0x8000 | (flags & 0x7900) | 0x0080 | 3  # a response, the opcode and RD as asked, RA, "no such name"
    end = end_of_question(question)
    return question[:2] + said.to_bytes(2, "big") + question[4:6] + bytes(6) + question[12:end]


def end_of_question(question: bytes) -> int:
    """Where the one question ends: after its name, type and class. What comes behind (EDNS) is not sent back."""
    at = 12
    while at < len(question) and question[at]:
        at += question[at] + 1
    return at + 5


class Relay:
    """One way of answering, for both transports."""

    def __init__(self, how: str, seconds: float) -> None:
        self.how = how
        self.seconds = seconds

    async def answer(self, question: bytes, *, tcp: bool) -> bytes:
        """The answer to one question, when its time has come."""
        if self.how == "nxdomain":
            return no_such_name(question)
        await asyncio.sleep(self.seconds)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await (asked_by_tcp(question) if tcp else asked_by_udp(question))


async def asked_by_udp(question: bytes) -> bytes:
    """What the engine's DNS says, by UDP."""
    loop = asyncio.get_running_loop()
    said: asyncio.Future[bytes] = loop.create_future()

    class Once(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            if not said.done():
                said.set_result(data)

    transport, _ = await loop.create_datagram_endpoint(Once, remote_addr=ENGINES)
    try:
        transport.sendto(question)
        return await said
    finally:
        transport.close()


async def asked_by_tcp(question: bytes) -> bytes:
    """What the engine's DNS says, by TCP."""
    reader, writer = await asyncio.open_connection(*ENGINES)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    finally:
        writer.close()


class Udp(asyncio.DatagramProtocol):
    """Takes questions by UDP."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are sent by."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: object) -> None:
        """Answer each in its own time."""
        task = asyncio.create_task(self._answer(data, addr))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, data: bytes, addr: object) -> None:
        self.transport.sendto(await self.relay.answer(data, tcp=False), addr)  # type: ignore[attr-defined]


async def main(port: int, relay: Relay) -> None:
    """Serve until killed."""

    async def by_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            question = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
            said = await relay.answer(question, tcp=True)
            writer.write(len(said).to_bytes(2, "big") + said)
            await writer.drain()
        finally:
            writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Udp(relay), local_addr=("127.0.0.1", port))
    async with await asyncio.start_server(by_tcp, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    _port, _how, *_rest = sys.argv[1:]
    asyncio.run(main(int(_port), Relay(_how, int(_rest[0]) / 1000 if _rest else 0.0)))
