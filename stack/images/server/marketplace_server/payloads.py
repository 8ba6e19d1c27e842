"""What clients may send, as types: strict, closed and bounded, so that nothing odd reaches the database."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from starlette.requests import Request

from .errors import InvalidInput, MalformedRequest, UnsupportedMediaType
from .escrow.address import LENGTH, is_address

MAX_PICONERO = 2**53 - 1
"""Largest amount: what every JSON reader and Prometheus' floats hold exactly (about 9,007 XMR)."""


@dataclass(frozen=True)
class Rule:
    """A rule of a text. Requests are held to the pattern that the description shows; Python and ECMA-262 read it alike."""

    pattern: str
    broken: str
    """What a client is told that broke it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Hold a text to the rule after its type and length."""
        return core_schema.no_info_after_validator_function(self._hold, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Show the rule."""
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def holds(self, text: str) -> bool:
        """Say whether the text as a whole is as the rule wants it."""
        return re.fullmatch(self.pattern, text) is not None

    def _hold(self, text: str) -> str:
        if not self.holds(text):
            raise ValueError(self.broken)
        return text


_CONTROL = r"\u0000-\u0008\u000b-\u001f\u007f-\u009f"
PRINTABLE = Rule(rf"[^{_CONTROL}]*", "must not contain control characters")
ONE_LINE = Rule(rf"[^\t\n{_CONTROL}]*[^\s{_CONTROL}][^\t\n{_CONTROL}]*", "must be one line that is not blank")
KEY = Rule(r"[\x21-\x7e]{1,128}", "must be 1 to 128 printable ASCII characters without spaces")


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError("must be a standard Monero address or a subaddress")
    return text


Address = Annotated[
    str,
    Field(min_length=LENGTH, max_length=LENGTH, json_schema_extra={"format": "monero-address"}),
    AfterValidator(_address),
]


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class Registration(_Payload):
    """Body of POST /api/register."""

    username: Annotated[str, Field(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    password: Annotated[str, Field(min_length=8, max_length=256), PRINTABLE]


class Login(_Payload):
    """Body of POST /api/login: any text is a try, for a rule told here would be a hint."""

    username: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=256)]


class NewListing(_Payload):
    """Body of POST /api/listings."""

    title: Annotated[str, Field(min_length=1, max_length=200), ONE_LINE]
    description: Annotated[str, Field(max_length=5000), PRINTABLE] = ""
    price_piconero: Annotated[
        int, Field(ge=1, le=MAX_PICONERO, description="Written as a whole number: 1.0 is refused.")
    ]


class NewOrder(_Payload):
    """Body of POST /api/listings/{id}/order; may be empty."""

    note: Annotated[str, Field(max_length=1000), PRINTABLE] = ""
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

    q: Annotated[str, Field(max_length=200), PRINTABLE] = ""
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
        read = model.model_validate_json(raw)
    except ValidationError as error:
        raise _told(error) from error
    # Readers disagree about which of two counts (RFC 8259, section 4), so who checks and who acts could see different ones.
    # Only now, when it is known to be small and flat.
    json.loads(raw, object_pairs_hook=_each_once)
    return read


def held(name: str, rule: Rule, text: str) -> str:
    """Hold a header to its rule. Raises InvalidInput."""
    if not rule.holds(text):
        raise InvalidInput(f"{name} {rule.broken}.")
    return text


def query(request: Request, model: type[M]) -> M:
    """Read the query string. Raises InvalidInput."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        raise _told(error) from error


def _each_once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise MalformedRequest("The body names a field twice.")


def _told(error: ValidationError) -> MalformedRequest | InvalidInput:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return MalformedRequest("The body is not valid JSON.")
    fields = [
        {"field": ".".join(str(part)[:64] for part in problem["loc"]) or "body", "problem": problem["msg"]}
        for problem in problems[:20]
    ]
    return InvalidInput(fields=fields)
