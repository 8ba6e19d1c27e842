"""Errors as the API tells them: one JSON shape, so that a client needs one way to read them."""

from collections.abc import Mapping, Sequence

from pydantic_core import to_json
from starlette.responses import Response

from . import logs


class ApiError(Exception):
    """An answer that is not the one hoped for. Subclasses fix status and code."""

    status = 500
    code = "internal"
    message = "The server failed; nothing was acknowledged."

    def __init__(
        self,
        message: str | None = None,
        *,
        fields: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take a message that says what was wrong, and for invalid input which fields."""
        super().__init__(message or self.message)
        self.fields = fields
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """Make the answer: {"error": {"code", "message", "request_id", "fields"?}}."""
        error: dict[str, object] = {"code": self.code, "message": str(self), "request_id": logs.request_id.get()}
        if self.fields:
            error["fields"] = list(self.fields)
        return Response(to_json({"error": error}), self.status, self.headers, media_type="application/json")


class MalformedRequest(ApiError):
    """The request could not be read at all."""

    status, code, message = 400, "malformed_request", "The request is not well-formed."


class InvalidInput(ApiError):
    """The request was read and breaks a rule."""

    status, code, message = 422, "invalid_input", "The request breaks a rule of its fields."


class RequestTimeout(ApiError):
    """The body did not come in time: whoever drips must not hold a connection for ever."""

    status, code, message = 408, "request_timeout", "The body took too long to arrive."

    def __init__(self, message: str | None = None) -> None:
        """Close the connection: what still comes on it would be read as the next request."""
        super().__init__(message, headers={"Connection": "close"})


class UnsupportedMediaType(ApiError):
    """A body came as something other than JSON."""

    status, code, message = 415, "unsupported_media_type", "The body must be application/json."


class PayloadTooLarge(ApiError):
    """The body is larger than the server takes."""

    status, code, message = 413, "payload_too_large", "The body is too large."


class Unauthenticated(ApiError):
    """No session, or one that ended."""

    status, code, message = 401, "unauthenticated", "Log in first."

    def __init__(self, message: str | None = None) -> None:
        """Name the scheme, as RFC 9110 asks of a 401."""
        super().__init__(message, headers={"WWW-Authenticate": "Bearer"})


class WrongCredentials(Unauthenticated):
    """The same answer for an unknown account and for a wrong password."""

    code, message = "wrong_credentials", "Name or password is wrong."


class ForeignOrigin(ApiError):
    """A state-changing request that a page of another origin sent."""

    status, code, message = 403, "foreign_origin", "State-changing requests from another origin are refused."


class NotFound(ApiError):
    """No such thing, or not the caller's to see: the answer is the same on purpose."""

    status, code, message = 404, "not_found", "There is nothing here for you."


class MethodNotAllowed(ApiError):
    """The address is right and the verb is not."""

    status, code, message = 405, "method_not_allowed", "This address does not take that method."


class Conflict(ApiError):
    """The request contradicts an earlier one."""

    status, code, message = 409, "conflict", "The request contradicts an earlier one."


class KeyReused(Conflict):
    """An Idempotency-Key came again with another request."""

    code, message = "idempotency_key_reused", "This Idempotency-Key belongs to another request."


class OwnListing(Conflict):
    """An escrow needs two parties."""

    code, message = "own_listing", "You can't order your own listing."


class EscrowTooSmall(Conflict):
    """The request is fine, and the listing too cheap for it."""

    code, message = "escrow_too_small", "The price is too small for an escrow: its fee would eat it up."


class Forbidden(ApiError):
    """The caller may see the thing, and this is not theirs to do."""

    status, code, message = 403, "forbidden", "That is not yours to do."


class WrongState(Conflict):
    """An order moves along its states, and each move happens once."""

    code, message = "wrong_state", "The order is not in a state for this."


class NoEscrow(Conflict):
    """The order has no escrow: its buyer gave no address to return money to."""

    code, message = "no_escrow", "This order has no escrow: no refund_address was given with it."


class TooManyRequests(ApiError):
    """Told by the edge (nginx/errors.conf) and never by the server; it is here for the description."""

    status, code, message = 429, "too_many_requests", "Too many requests from your address; come back later."


class Unavailable(ApiError):
    """Not now: nothing was done, and trying again with the same key is safe."""

    status, code, message = 503, "unavailable", "The server can't do this now; try again."

    def __init__(self, message: str | None = None, *, retry_after_seconds: int = 1) -> None:
        """Say when to come back."""
        super().__init__(message, headers={"Retry-After": str(retry_after_seconds)})


class WalletsUnavailable(Unavailable):
    """Orders need the wallets; browsing doesn't."""

    code, message = "wallets_unavailable", "The wallets can't be reached, so no order is taken now; browsing works."
