"""Why: a kind of place that nobody looks into is where the secret is; each is seen to give a secret away in every encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stack.edge import Edge
from stack.errors import CannotTell
from suites.security import canaries, images, layers, places
from suites.security.canaries import CANARY, FORMS
from suites.security.edge_client import EdgeClient, Request, loopback_dial
from suites.security.rules.canary import Hunter
from suites.security.rules.web import Answer

SECRET = "Zk3vQx7LmPz49TqWb8RnYc2HsDf6GjAe"
TEXTS = canaries.written(SECRET)
HUNTER = Hunter({CANARY: SECRET})


def found(places_: Iterable[places.Place], where: str) -> set[str]:
    """The encodings in which the secret is found in the one place whose name begins so."""
    (data,) = [data for name, data in places_ if name.startswith(where)]
    return {form for _, form in HUNTER.found_in(data)}


@pytest.fixture
def process() -> Iterator[int]:
    """A process with all of it in its environment and on its command line."""
    env = {**os.environ, **{f"LEAK_{n}": text for n, text in enumerate(TEXTS.values())}}
    argv = [sys.executable, "-c", "import sys; sys.stdin.read()", *TEXTS.values()]
    with subprocess.Popen(argv, env=env, stdin=subprocess.PIPE) as running:
        yield running.pid


@pytest.fixture
def container(process: int) -> Any:
    """A container that says all of it wherever a container can say something."""
    told = " ".join(TEXTS.values())
    return SimpleNamespace(
        service="db",
        is_running=True,
        attrs={"Config": {"Labels": {"note": told}}},
        logs=lambda **_: f"line\n{told}\n",
        processes=lambda: [SimpleNamespace(pid=process, name="python")],
    )


@pytest.mark.parametrize("where", ["db: inspect", "db: log", "db: environment of python", "db: command line of python"])
def test_what_a_container_tells_is_looked_into(container: Any, where: str) -> None:
    assert found(places.of_container(container), where) == set(FORMS)


@pytest.mark.parametrize("where", ["db: inspect", "db: log"])
def test_what_an_ended_container_has_told_is_looked_into(container: Any, where: str) -> None:
    container.is_running = False

    looked = list(places.of_container(container))

    assert found(iter(looked), where) == set(FORMS)
    assert not any("process" in name or "environment" in name for name, _ in looked)


@pytest.mark.parametrize("where", ["web: image", "web: image history", "web: image file /srv/leak.conf"])
def test_what_an_image_carries_is_looked_into(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str) -> None:
    told = " ".join(TEXTS.values())
    leak = tmp_path / "leak.conf"
    leak.write_text(told)
    entry = layers.Entry("/srv/leak.conf", leak, 0o644, leak.stat().st_size)
    monkeypatch.setattr(images, "inspected", lambda *_: {"Config": {"Env": [told]}})
    monkeypatch.setattr(layers, "of", lambda *_: (layers.Layer((entry,), frozenset()),))
    stack: Any = SimpleNamespace(project="p", driver=SimpleNamespace(image_history=lambda _: [f"RUN curl -u {told}"]))
    service: Any = SimpleNamespace(name="web", image="web:1")

    looked = [(name, data) for name, data in places.of_image(stack, service)]

    exact = [(name, data) for name, data in looked if name == where]
    assert found(exact, where) == set(FORMS)


def test_metrics_and_answers_are_looked_into() -> None:
    planted = canaries.in_answers(TEXTS.values())

    seen = {kind: {form for _, form in HUNTER.found_in(data)} for kind, (data, _) in planted.items()}
    assert seen == {"an answer's headers": set(FORMS), "an answer": set(FORMS), "metrics": set(FORMS)}


def test_error_pages_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def answers(_: EdgeClient, request: Request) -> Answer:
        asked.append(request)
        return Answer("GET /", 404, (), b"")

    monkeypatch.setattr(places, "unlimited", answers)
    stack: Any = SimpleNamespace(profile=SimpleNamespace(stack=SimpleNamespace(locations=["/", "/api"])))
    edge = Edge("127.0.0.1", None, 1, "x.invalid", None)

    list(places.of_edge(stack, EdgeClient(edge, loopback_dial(edge))))

    assert {"GET /", "GET /api", "DELETE /", "GET /api/%ff%00"} <= {str(request) for request in asked}
    assert any(len(request.headers.get("X-Long", "")) > 8192 for request in asked)


def test_what_monitoring_tells_of_its_configuration_is_looked_into() -> None:
    with canaries.telling(TEXTS.values()) as port:
        endpoint = SimpleNamespace(service="prometheus")
        stack: Any = SimpleNamespace(
            profile=SimpleNamespace(metrics=endpoint, alertmanager=None, logs=None),
            driver=SimpleNamespace(container_ids=lambda _: ["id"]),
            url=lambda _: f"http://127.0.0.1:{port}",
        )

        looked = list(places.of_settings(stack))

    assert found(looked, "prometheus: answer to /api/v1/status/config") == set(FORMS)


def test_a_page_that_does_not_answer_is_no_clean_page() -> None:
    with pytest.raises(CannotTell, match="can't be read"):
        places.told_at("db: metrics", "http://127.0.0.1:1/metrics")


def test_backups_are_looked_into_by_name_and_by_what_stands_beside_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / f"db-{SECRET}.sql.gpg").write_bytes(b"\x85")
    (tmp_path / "db-1.json").write_text(" ".join(TEXTS.values()))
    monkeypatch.setattr(places, "inside", lambda *_: tmp_path)
    job = SimpleNamespace(service="backup", what="database")
    stack: Any = SimpleNamespace(
        profile=SimpleNamespace(backup=SimpleNamespace(jobs=[job], path="/backups")), container=lambda _: None
    )

    looked = list(places.of_backups(stack))

    assert found(looked, "database backups: names") == {"plain"}
    assert found(looked, "database backups: db-1.json") == set(FORMS)
    assert not [name for name, _ in looked if name.endswith(".gpg")]


def test_our_own_reports_are_looked_into(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(" ".join(TEXTS.values()))

    assert found(places.of_folder(tmp_path, "our report"), "our report: results.json") == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_a_hunter_that_is_blind_to_an_encoding_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str
) -> None:
    monkeypatch.setattr(canaries, "in_a_container", lambda *_: {})
    monkeypatch.setattr(canaries, "in_an_image", lambda *_: {})
    blind: Any = SimpleNamespace(found_in=lambda data: [one for one in HUNTER.found_in(data) if one[1] != form])
    stack: Any = SimpleNamespace()

    overlooked = canaries.overlooked(stack, blind, SECRET, tmp_path)

    assert f"metrics ({form})" in overlooked
    assert f"a file ({form})" in overlooked
