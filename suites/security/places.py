"""The places where secrets leak to, each as bytes with a name, so that one hunter can be led through all of them."""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from stack.errors import CannotTell
from stack.model import Container, Service, Stack
from suites.security import images, layers
from suites.security.edge_client import EdgeClient, Request
from suites.security.rules import image_files
from suites.security.running import inside
from suites.security.test_headers import ABSENT, unlimited

Place = tuple[str, bytes]
LINES = 50_000
LARGEST_BYTES = 4 * 1024 * 1024
LARGEST_OF_AN_IMAGE_BYTES = 1024 * 1024
SECONDS = 3.0


def of_container(container: Container) -> Iterator[Place]:
    """What the engine tells of a container, what it wrote, and what everybody with its uid reads of its processes.

    One that has ended has no processes any more; its environment and its log still stand.
    """
    yield f"{container.service}: inspect", json.dumps(container.attrs).encode()
    yield f"{container.service}: log", container.logs(tail=LINES).encode()
    if not container.is_running:
        return
    for process in container.processes():
        for file, what in (("environ", "environment"), ("cmdline", "command line")):
            try:
                data = Path(f"/proc/{process.pid}/{file}").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            except OSError as error:
                raise CannotTell(f"{container.service}: a process' {what} can't be read: {error}") from error
            yield f"{container.service}: {what} of {process.name}", data


def of_image(stack: Stack, service: Service) -> Iterator[Place]:
    """What an image carries: its description, its history, and the files of its layers that belong to no package."""
    yield f"{service.name}: image", json.dumps(images.inspected(stack, service)).encode()
    history = stack.driver.image_history(images.image_name(stack, service))
    yield f"{service.name}: image history", "\n".join(history).encode()
    for layer in layers.of(stack, service):
        for entry in layer.files:
            if 0 < entry.size <= LARGEST_OF_AN_IMAGE_BYTES and image_files.may_hold_a_secret(entry.path):
                yield f"{service.name}: image file {entry.path}", entry.host.read_bytes()


def of_metrics(stack: Stack, service: Service) -> Iterator[Place]:
    """What a service's metrics say, asked at its own address."""
    said = stack.profile.service(service.name)
    if said.metrics_path is None:
        return
    ports = [int(spec.partition("/")[0]) for spec in said.listens or () if spec.endswith("/tcp")]
    for address in list(stack.container(service).addresses().values())[:1]:
        for port in ports:
            yield told_at(f"{service.name}: metrics", f"http://{address}:{port}{said.metrics_path}")


def of_settings(stack: Stack) -> Iterator[Place]:
    """What the monitoring tells of its own configuration, passwords of what it scrapes and notifies included."""
    profile = stack.profile
    for endpoint, paths in (
        (profile.metrics, ("/api/v1/status/config", "/api/v1/status/flags", "/api/v1/targets")),
        (profile.alertmanager, ("/api/v2/status",)),
        (profile.logs, ("/config",)),
    ):
        if endpoint is not None and stack.driver.container_ids(endpoint.service):
            for path in paths:
                yield told_at(f"{endpoint.service}: answer to {path}", stack.url(endpoint) + path)


def told_at(where: str, url: str) -> Place:
    """What is answered at a URL.

    Raises:
        CannotTell: nothing is.

    """
    plainly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with plainly.open(url, timeout=SECONDS) as answer:
            return where, answer.read(LARGEST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise CannotTell(f"{where}: {url} can't be read: {error}") from error


def of_edge(stack: Stack, edge: EdgeClient) -> Iterator[Place]:
    """What the edge answers: every location, an absent one, and refusals of its own, with all headers."""
    requests = [Request(path) for path in dict.fromkeys([*stack.profile.stack.locations, ABSENT])]
    requests += [Request("/", method="DELETE"), Request("/api/%ff%00"), Request("/", headers={"X-Long": "a" * 20_000})]
    for request in requests:
        yield answered(edge, request)


def answered(edge: EdgeClient, request: Request) -> Place:
    """One answer of the edge: its headers, an empty line, and its body."""
    answer = unlimited(edge, request)
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers)
    return f"answer to {request}", headers.encode() + b"\n\n" + answer.body


def of_backups(stack: Stack) -> Iterator[Place]:
    """Names of backups, and what stands beside them in the clear."""
    backup = stack.profile.backup
    for job in backup.jobs if backup else ():
        folder = inside(stack.container(job.service), backup.path if backup else "/")
        yield from of_folder(folder, f"{job.what} backups", skip=(".gpg",))


def of_folder(folder: Path, named: str, *, skip: tuple[str, ...] = ()) -> Iterator[Place]:
    """The names of all files of a folder, and the content of those that do not end in `skip`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    yield f"{named}: names", "\n".join(str(path.relative_to(folder)) for path in files).encode()
    for path in files:
        if not path.name.endswith(skip or ("\0",)):
            with path.open("rb") as opened:
                yield f"{named}: {path.relative_to(folder)}", opened.read(LARGEST_BYTES)
