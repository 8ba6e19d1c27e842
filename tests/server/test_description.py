"""The description is made of what reads and answers requests: every route is in it, and each rule of it is the server's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from marketplace_server import errors, payloads
from marketplace_server.description import document
from marketplace_server.operation import promised_by
from marketplace_server.routes import ROUTES
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.server.conftest import Person

ROOT = Path(__file__).resolve().parents[2]
DESCRIBED = document(ROUTES)
_OPERATIONS = [(path, method, one) for path, methods in DESCRIBED["paths"].items() for method, one in methods.items()]


def test_every_route_is_described_and_nothing_else() -> None:
    there = {(route.path, method.lower()) for route in ROUTES for method in (route.methods or set()) - {"HEAD"}}

    assert {(path, method) for path, method, _ in _OPERATIONS} == there


def test_a_route_that_promises_nothing_can_t_be_described() -> None:
    async def silent(_: Request) -> Response:
        return Response()

    with pytest.raises(KeyError):
        document([*ROUTES, Route("/api/silent", silent)])


@pytest.mark.parametrize("route", [one for one in ROUTES if promised_by(one.endpoint).body], ids=lambda one: one.path)
def test_what_a_route_reads_is_what_is_described(
    client: TestClient, vendor: Person, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    read: list[tuple[type[BaseModel], bool]] = []

    async def reading(_: Request, model: type[BaseModel], *, may_be_empty: bool = False) -> BaseModel:
        read.append((model, may_be_empty))
        raise errors.MalformedRequest

    monkeypatch.setattr("marketplace_server.payloads.body", reading)
    # Whether the order is anything of the caller's is asked first, and has nothing to do with it.
    monkeypatch.setattr("marketplace_server.settlement.require_party", lambda *_: None)

    client.post(route.path.replace("{id}", "x"), headers=vendor.headers)

    promise = promised_by(route.endpoint)
    assert read == [(promise.body, promise.body_may_be_empty)]


@pytest.mark.parametrize("route", [one for one in ROUTES if promised_by(one.endpoint).query], ids=lambda one: one.path)
def test_the_query_a_route_reads_is_what_is_described(
    client: TestClient, vendor: Person, monkeypatch: pytest.MonkeyPatch, route: Route
) -> None:
    read: list[type[BaseModel]] = []

    def reading(_: Request, model: type[BaseModel]) -> BaseModel:
        read.append(model)
        raise errors.InvalidInput

    monkeypatch.setattr("marketplace_server.payloads.query", reading)

    client.get(route.path, headers=vendor.headers)

    assert read == [promised_by(route.endpoint).query]


def test_rules_of_texts_are_shown_as_they_are_kept() -> None:
    fields = DESCRIBED["components"]["schemas"]["NewListing"]["properties"]
    title = re.compile(fields["title"]["pattern"])

    assert title.fullmatch("A sextant")
    for bad in ("", " ", "two\nlines", "nul\0"):
        assert not title.fullmatch(bad)
        with pytest.raises(ValueError, match="title"):
            payloads.NewListing(title=bad, price_piconero=1)
    assert fields["price_piconero"]["maximum"] == payloads.MAX_PICONERO


def test_references_lead_somewhere() -> None:
    text = json.dumps(DESCRIBED)

    for section, name in re.findall(r'"\$ref": "#/components/(\w+)/([^"]+)"', text):
        assert name in DESCRIBED["components"][section]
    names = {one["operationId"] for _, _, one in _OPERATIONS}
    assert len(names) == len(_OPERATIONS)
    assert set(re.findall(r'"operationId": "(\w+)"', text)) == names


def test_writes_need_a_session_or_are_how_one_begins() -> None:
    open_to_all = {one["operationId"] for _, method, one in _OPERATIONS if method != "get" and not one["security"]}

    assert open_to_all == {"accounts_register", "accounts_login"}


def test_anybody_may_read_it(client: TestClient) -> None:
    answer = client.get("/api/openapi.json")

    assert answer.status_code == 200
    assert answer.json() == DESCRIBED


def test_the_file_in_docs_is_this_one() -> None:
    kept: Any = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))

    assert kept == DESCRIBED, "run `make docs`"


def test_the_readme_names_every_route() -> None:
    page = (ROOT / "stack/images/server/README.md").read_text(encoding="utf-8")

    assert [path for path, _, _ in _OPERATIONS if f"{path}" not in page] == []
