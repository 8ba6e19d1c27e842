"""What a route promises, said beside it: the description of the interface is made of this, and the tests hold it to it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from .errors import ApiError

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One request that can be made. What every request of its kind may be told (sizes, origins) is not repeated here."""

    answers: Mapping[int, type | str]
    """Status → what is answered: a type of `replies`, or a media type where it is no JSON of ours."""
    body: type[BaseModel] | None = None
    body_may_be_empty: bool = False
    query: type[BaseModel] | None = None
    needs_session: bool = False
    idempotent: bool = False
    """Whether it is made under an Idempotency-Key."""
    refusals: tuple[type[ApiError], ...] = ()
    leads_to: tuple[str, ...] = ()
    """Operations for which the answer's `id` can be used."""


_OPERATIONS: dict[Handler, Operation] = {}


def operation(promise: Operation) -> Callable[[Handler], Handler]:
    """Say what the decorated handler promises."""

    def remember(handler: Handler) -> Handler:
        _OPERATIONS[handler] = promise
        return handler

    return remember


def promised_by(handler: Handler) -> Operation:
    """Answer what a handler promises. Raises KeyError for one that promises nothing: no route may be without."""
    return _OPERATIONS[handler]
