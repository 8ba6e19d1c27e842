"""The interface as OpenAPI 3.1, made of what reads requests and fills answers, so that it can't say anything else.

`python -m marketplace_server.description` prints it; `GET /api/openapi.json` answers it, to anybody.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter
from starlette.routing import Route

from . import __version__, errors, replies
from .errors import ApiError
from .operation import Handler, Operation, promised_by
from .payloads import KEY
from .sessions import COOKIE

_JSON = "application/json"
_FREE = {_JSON: {"type": "object"}, "text/plain": {"type": "string"}}
"""What is said of answers that are none of `replies`."""
_FAILURE = {"$ref": "#/components/schemas/Failure"}
_WRITES = (errors.MalformedRequest, errors.ForeignOrigin, errors.RequestTimeout, errors.PayloadTooLarge)
"""What anything that may change something can be told before it is looked at."""
_EDGE = (errors.TooManyRequests, errors.Unavailable)
"""What the edge tells by itself: too much from one address, and nobody behind it."""
_ABOUT = (
    "Listings, orders and 2-of-3 escrows. Bodies and answers are JSON; amounts are whole piconero (1e-12 XMR). Answers from"
    " 400 on have one shape. A request may be told 429 (the edge limits each client address) or 503, with Retry-After:"
    " nothing was done then, and an order may be sent again under its Idempotency-Key."
)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe the routes. Raises KeyError for one whose handler promises nothing."""
    operations = [(route, promised_by(route.endpoint)) for route in routes]
    schemas, definitions = _schemas([promise for _, promise in operations])
    paths: dict[str, dict[str, Any]] = {}
    responses: dict[str, Any] = {}
    for route, promise in operations:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route, method, promise, schemas, responses)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Seatrial's reference marketplace", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": dict(sorted(responses.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _schemas(promises: Iterable[Operation]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """Make the schema of every type that is read or answered: by type, and the definitions they refer to."""
    read = {model for promise in promises for model in (promise.body, promise.query) if model}
    said = {told for promise in promises for told in promise.answers.values() if not isinstance(told, str)}
    wanted = [(model, "validation" if model in read else "serialization") for model in {*read, *said, replies.Failure}]
    made, rest = TypeAdapter.json_schemas(
        [(model, mode, TypeAdapter(model)) for model, mode in sorted(wanted, key=lambda one: one[0].__name__)],  # type: ignore[misc]
        ref_template="#/components/schemas/{model}",
    )
    return {model: schema for (model, _), schema in made.items()}, rest["$defs"]


def _operation(
    route: Route, method: str, promise: Operation, schemas: dict[Any, Any], shared: dict[str, Any]
) -> dict[str, Any]:
    words = " ".join((route.endpoint.__doc__ or "").split())
    told: dict[str, Any] = {
        "operationId": _name(route.endpoint),
        "summary": words.partition(". ")[0].rstrip("."),
        "description": words,
        "parameters": _parameters(route, promise),
        "responses": _responses(promise, _refusals(method, route, promise), schemas, shared),
        "security": [{"token": []}, {"cookie": []}] if promise.needs_session else [],
    }
    if promise.body:
        required = not promise.body_may_be_empty
        told["requestBody"] = {"required": required, "content": {_JSON: {"schema": schemas[promise.body]}}}
    return told


def _name(handler: Handler) -> str:
    """Name an operation: `listings_search`."""
    return f"{handler.__module__.rpartition('.')[2]}_{handler.__name__}"


def _parameters(route: Route, promise: Operation) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in route.param_convertors
    ]
    if promise.query:
        parameters += _query(promise.query)
    if promise.idempotent:
        key = {"type": "string", "pattern": f"^{KEY.pattern}$"}
        about = "One for each order that is meant: sent again with the same key, an order is made once."
        parameters.append(
            {"name": "Idempotency-Key", "in": "header", "required": True, "schema": key, "description": about}
        )
    return parameters


def _query(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": one}
        for name, one in schema["properties"].items()
    ]


def _refusals(method: str, route: Route, promise: Operation) -> set[type[ApiError]]:
    refusals = {*promise.refusals, *_EDGE}
    if method not in {"GET", "HEAD"}:
        refusals |= {*_WRITES}
    if promise.needs_session:
        refusals.add(errors.Unauthenticated)
    if promise.body:
        refusals |= {errors.UnsupportedMediaType, errors.InvalidInput}
    if promise.query:
        refusals.add(errors.InvalidInput)
    if promise.idempotent:
        refusals |= {errors.MalformedRequest, errors.InvalidInput}
    if route.param_convertors:
        refusals.add(errors.NotFound)
    return refusals


def _responses(
    promise: Operation, refusals: Iterable[type[ApiError]], schemas: dict[Any, Any], shared: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Describe what is answered. What many operations refuse with is put into `shared`, by its codes."""
    told: dict[int, dict[str, Any]] = {}
    for status, answer in promise.answers.items():
        kind, schema = (answer, _FREE[answer]) if isinstance(answer, str) else (_JSON, schemas[answer])
        told[status] = {"description": HTTPStatus(status).phrase, "content": {kind: {"schema": schema}}}
        if promise.leads_to:
            told[status]["links"] = {
                name: {"operationId": name, "parameters": {"id": "$response.body#/id"}} for name in promise.leads_to
            }
    by_status: dict[int, list[type[ApiError]]] = {}
    for refusal in sorted(refusals, key=lambda one: one.code):
        by_status.setdefault(refusal.status, []).append(refusal)
    for status, those in by_status.items():
        refused = _refused(status, those)
        if status in told:
            either = [content["schema"] for one in (told[status], refused) for content in one["content"].values()]
            told[status] = {**refused, "content": {_JSON: {"schema": {"anyOf": either}}}}
            continue
        name = "-or-".join(one.code for one in those)
        shared[name] = refused
        told[status] = {"$ref": f"#/components/responses/{name}"}
    return {str(status): told[status] for status in sorted(told)}


def _refused(status: int, those: Sequence[type[ApiError]]) -> dict[str, Any]:
    code = {"properties": {"error": {"properties": {"code": {"enum": [one.code for one in those]}}}}}
    told: dict[str, Any] = {
        "description": " ".join(f"{one.code}: {one.message}" for one in those),
        "content": {_JSON: {"schema": {"allOf": [_FAILURE, code]}}},
    }
    if status in {429, 503}:
        seconds = {"schema": {"type": "integer"}, "description": "Seconds after which to come back."}
        told["headers"] = {"Retry-After": seconds}
    if status == 401:
        told["headers"] = {"WWW-Authenticate": {"schema": {"const": "Bearer"}}}
    return told


def main() -> int:
    """Print the description."""
    from .routes import ROUTES

    json.dump(document(ROUTES), sys.stdout, indent=1, ensure_ascii=False)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
