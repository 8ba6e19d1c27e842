"""Plants a canary in every kind of place that secrets leak to, in each encoding, so that a hunter who finds nothing was not blind."""

from __future__ import annotations

import base64
import io
import tarfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from stack.edge import Edge
from stack.errors import CannotTell
from stack.model import Container, Stack
from stack.waiting import eventually
from suites.security import places
from suites.security.edge_client import EdgeClient, Request, loopback_dial
from suites.security.rules.canary import Hunter

CANARY = "a canary"
FORMS = ("plain", "base64", "URL-encoded", "hex")
LEAKS = 'echo "$0 $1 $2 $3"; exec sleep 120'
SOON = timedelta(seconds=15)
LINES = 5
FILE = "etc/leak.conf"


def written(canary: str) -> dict[str, str]:
    """The canary as it may be written, by the name of the encoding."""
    return {
        "plain": canary,
        "base64": base64.b64encode(f"user:{canary}".encode()).decode(),
        "URL-encoded": "".join(f"%{byte:02X}" for byte in canary.encode()),
        "hex": canary.encode().hex(),
    }


def overlooked(stack: Stack, hunter: Hunter, canary: str, folder: Path) -> list[str]:
    """The kinds of places (and encodings) in which the hunter does not find a canary that was put there a moment ago."""
    texts = written(canary)
    blind: list[str] = []
    for kinds in (
        in_a_container(stack, canary, texts),
        in_an_image(stack, texts),
        in_answers(texts.values()),
        in_files(folder, canary, texts.values()),
    ):
        for kind, (data, forms) in kinds.items():
            seen = {form for name, form in hunter.found_in(data) if name == CANARY}
            blind += [f"{kind} ({form})" for form in forms if form not in seen]
    return blind


Planted = dict[str, tuple[bytes, tuple[str, ...]]]
"""By the kind of place: what is read there, and the encodings that were put there."""


def in_a_container(stack: Stack, canary: str, texts: Mapping[str, str]) -> Planted:
    """A container that tells all it knows: in its labels, environment, command line and log."""
    leaks = {f"LEAK_{number}": texts[form] for number, form in enumerate(FORMS)}
    started = stack.driver.run_helper(["sh", "-c", LEAKS, *leaks.values()], detach=True, env=leaks, labels=leaks)
    try:
        leaking = Container(stack.driver.inspect(str(started)), stack.driver)
        try:
            eventually(lambda: canary in leaking.logs(tail=LINES), within=SOON, every=SOON / 150, what="a line is logged")
        except AssertionError as error:
            raise CannotTell(f"no container's log was seen to be written: {error}") from error
        found = _by_kind(places.of_container(leaking))
    finally:
        stack.driver.remove(str(started))
    return found


def in_an_image(stack: Stack, texts: Mapping[str, str]) -> Planted:
    """An image with a file and an environment that tell all, read as any service's image is."""
    reference = f"seatrial/canary:{stack.project}"  # one name, so that a killed run leaves one at most
    told = "\n".join(texts.values()).encode()
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        entry = tarfile.TarInfo(FILE)
        entry.size = len(told)
        archive.addfile(entry, io.BytesIO(told))
    changes = [f"ENV LEAK_{number}={text}" for number, text in enumerate(texts.values())]
    stack.driver.import_image(tar.getvalue(), reference, changes=changes)
    try:
        service = replace(stack.services[0], name="a canary", image=reference, config={})
        found = _by_kind(places.of_image(stack, service), but=("image history",))  # an import has none
    finally:
        stack.driver.remove_image(reference)
    return found


def in_answers(texts: Iterable[str]) -> Planted:
    """A page that tells all, in a header and in its body, read as an edge's answer and as a service's metrics."""
    with telling(texts) as port:
        edge = Edge("127.0.0.1", None, port, "canary.invalid", None)
        answer = places.answered(EdgeClient(edge, loopback_dial(edge)), Request("/"))
        metrics = places.told_at("metrics", f"http://127.0.0.1:{port}/")
    headers, _, body = answer[1].partition(b"\n\n")
    return {"an answer's headers": (headers, FORMS), "an answer": (body, FORMS), "metrics": (metrics[1], FORMS)}


def in_files(folder: Path, canary: str, texts: Iterable[str]) -> Planted:
    """A file that tells all, and whose name does too, as a backup's or a report's could."""
    (folder / f"{canary}.json").write_text("\n".join(texts))
    names, content = places.of_folder(folder, "a folder")
    return {"a file's name": (names[1], ("plain",)), "a file": (content[1], FORMS)}


@contextmanager
def telling(texts: Iterable[str]) -> Iterator[int]:
    """A page on loopback that says `texts` to whoever asks; gives its port."""
    told = " ".join(texts)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("X-Told", told)
            self.end_headers()
            self.wfile.write(told.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: what is asked here is nobody's business."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        serving.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            serving.join()


def _by_kind(found: Iterable[places.Place], *, but: tuple[str, ...] = ()) -> Planted:
    """What is read of each kind of place, all services and processes together."""
    kinds: dict[str, bytes] = {}
    for where, data in found:
        kind = where.partition(": ")[2].partition(" of ")[0]
        kinds[kind] = kinds.get(kind, b"") + data
    return {kind: (data, FORMS) for kind, data in kinds.items() if kind not in but}
