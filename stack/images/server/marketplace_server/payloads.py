"""What clients may send, as types: strict, closed and bounded, so that nothing odd reaches the database."""

import unicodedata
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from .errors import InvalidInput, MalformedRequest, UnsupportedMediaType
from .escrow.address import is_address

MAX_PICONERO = 2**53 - 1
"""Largest amount: what every JSON reader and Prometheus' floats hold exactly (about 9,007 XMR)."""


def _printable(text: str) -> str:
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\t":
            raise ValueError("must not contain control characters")
    return text


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text or not text.strip():
        raise ValueError("must be one line that is not blank")
    return _printable(text)


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError("must be a standard Monero address or a subaddress")
    return text


Address = Annotated[str, Field(max_length=200), AfterValidator(_address)]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Registration(_Payload):
    """Body of POST /api/register."""

    username: Annotated[str, Field(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    password: Annotated[str, Field(min_length=8, max_length=256), AfterValidator(_printable)]


class Login(_Payload):
    """Body of POST /api/login: any text is a try, for a rule told here would be a hint."""

    username: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=256)]


class NewListing(_Payload):
    """Body of POST /api/listings."""

    title: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
    description: Annotated[str, Field(max_length=5000), AfterValidator(_printable)] = ""
    price_piconero: Annotated[int, Field(ge=1, le=MAX_PICONERO)]


class NewOrder(_Payload):
    """Body of POST /api/listings/{id}/order; may be empty."""

    note: Annotated[str, Field(max_length=1000), AfterValidator(_printable)] = ""
    refund_address: Address | None = None
    """Where money can be returned to; with it the order gets an escrow, without it nothing can be paid in."""


class Shipment(_Payload):
    """Body of POST /api/orders/{id}/ship."""

    payout_address: Address


class Resolution(_Payload):
    """Body of POST /api/orders/{id}/resolve."""

    outcome: Literal["release", "refund"]


class Nothing(_Payload):
    """Body of what needs none; may be empty."""


class Paging(BaseModel):
    """Query of a list. Not strict: a query string is text, which has to be read as numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    page: Annotated[int, Field(ge=1, le=1000)] = 1
    per_page: Annotated[int, Field(ge=1, le=100)] = 20


class ListingsQuery(Paging):
    """Query of GET /api/listings."""

    q: Annotated[str, Field(max_length=200), AfterValidator(_printable)] = ""
    vendor: Annotated[str, Field(max_length=64)] = ""


M = TypeVar("M", bound=BaseModel)


async def body(request: Request, model: type[M], *, may_be_empty: bool = False) -> M:
    """Read a JSON body. Raises MalformedRequest (400), UnsupportedMediaType (415), InvalidInput (422), PayloadTooLarge."""
    raw = await request.body()
    if not raw and may_be_empty:
        return model()
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise _told(error) from error


def query(request: Request, model: type[M]) -> M:
    """Read the query string. Raises InvalidInput."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _told(error) from error


def _told(error: ValidationError) -> MalformedRequest | InvalidInput:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return MalformedRequest("The body is not valid JSON.")
    fields = [
        {"field": ".".join(str(part)[:64] for part in problem["loc"]) or "body", "problem": problem["msg"]}
        for problem in problems[:20]
    ]
    return InvalidInput(fields=fields)
