"""Why: what a server accepts is read from bytes, so each answer a server can give is tried as bytes, and hellos against OpenSSL itself."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suites.security.rules import clienthello as tls
from tests.sabotage.security import keys


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    keys.certificates(made / "tls")
    return made / "tls"


def serving(folder: Path, lowest: ssl.TLSVersion, highest: ssl.TLSVersion, suites: str | None = None) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "short.crt", folder / "short.key")
    context.minimum_version, context.maximum_version = lowest, highest
    if suites:
        context.set_ciphers(suites)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stopped = threading.Event()
        listener.settimeout(0.1)

        def accept() -> None:
            while not stopped.is_set():
                try:
                    opened, _ = listener.accept()
                except TimeoutError:
                    continue
                with opened:
                    opened.settimeout(2)
                    try:
                        context.wrap_socket(opened, server_side=True).close()
                    except OSError:
                        continue  # a client that stops after the first flight is what we are

        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1]
        stopped.set()
        thread.join()


@pytest.fixture
def modern(folder: Path) -> Iterator[int]:
    yield from serving(folder, ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)


@pytest.fixture
def old(folder: Path) -> Iterator[int]:
    yield from serving(folder, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)


def asked(port: int, message: bytes) -> tls.Reply:
    with socket.create_connection(("127.0.0.1", port), 3) as opened:
        return tls.ask(opened, message)


def test_a_modern_server_accepts_1_3_and_refuses_the_rest(modern: int) -> None:
    replies = {version: asked(modern, tls.hello(version, "a.example")) for version in tls.VERSION_NAMES}

    assert replies[tls.TLS_1_3].verdict == "accepted"
    assert replies[tls.TLS_1_3].version == tls.TLS_1_3
    assert {replies[version].verdict for version in (tls.SSL_3_0, tls.TLS_1_0, tls.TLS_1_1, tls.TLS_1_2)} == {"refused"}


def test_an_old_server_is_found_out(old: int) -> None:
    assert asked(old, tls.hello(tls.TLS_1_2, "a.example")).version == tls.TLS_1_2
    assert asked(old, tls.hello(tls.TLS_1_3, "a.example")).verdict == "refused"


def test_one_suite_at_a_time(modern: int) -> None:
    accepted = {
        suite
        for suite in tls.SUITES_1_3
        if asked(modern, tls.hello(tls.TLS_1_3, "a.example", suites=[suite])).verdict == "accepted"
    }

    assert accepted == {0x1301, 0x1302, 0x1303}


def test_one_group_at_a_time_by_a_retry(modern: int) -> None:
    reply = asked(modern, tls.hello(tls.TLS_1_3, "a.example", groups=[0x0018], share=False))

    assert (reply.verdict, reply.group) == ("accepted", 0x0018)


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not TLS"),
        (b"", "refused"),
        (b"\x15\x03\x03\x00\x02\x02\x46", "refused"),
        (b"\x16\x03\x03\x00\x01\x00", "not TLS"),
    ],
)
def test_whatever_else_answers_is_not_taken_for_tls(sent: bytes, verdict: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        assert tls.read_reply(ours).verdict == verdict


def test_a_server_that_hangs_in_the_handshake_is_silent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.05)
        assert tls.ask(ours, tls.hello(tls.TLS_1_3, "a.example")).verdict == "silent"


@given(st.binary(max_size=300))
def test_no_bytes_of_a_server_make_the_reader_stumble(data: bytes) -> None:
    assert tls.server_hello(b"\x02" + data).verdict in {"accepted", "not TLS"}
