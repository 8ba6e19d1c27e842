"""What the server answers, as types: handlers fill them in, rows are read by their fields, and the description shows them."""

from typing import Annotated, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config

# pydantic reads the standard library's TypedDict only from Python 3.12 on.
from typing_extensions import TypedDict

_closed = with_config(ConfigDict(extra="forbid"))

Sequence = Annotated[
    int, Field(ge=1, description="Number of the acknowledged write; grows across restarts and colours.")
]
Piconero = Annotated[int, Field(ge=0, description="Whole piconero, 1e-12 XMR.")]
Unix = Annotated[float, Field(description="Seconds since 1970-01-01 00:00 UTC.")]
State = Literal["created", "funded", "shipped", "disputed", "released", "refunded"]
Kind = Literal["release", "refund"]
NextPage = Annotated[int | None, Field(description="Number of the next page; null on the last.")]


@_closed
class Registered(TypedDict):
    """An account that was made."""

    id: str
    sequence: Sequence


@_closed
class Session(TypedDict):
    """A session that began; its token is also in the cookie `session`."""

    token: str
    account_id: str
    expires_at: Unix
    sequence: Sequence


@_closed
class LoggedOut(TypedDict):
    """A session that ended."""

    sequence: Sequence


@_closed
class Listing(TypedDict):
    """Something for sale."""

    id: str
    sequence: Sequence
    vendor_id: str
    title: str
    description: str
    price_piconero: Piconero
    created_at: Unix


@_closed
class ListingPage(TypedDict):
    """A page of listings, newest first."""

    items: list[Listing]
    page: int
    per_page: int
    next_page: NextPage


@_closed
class Payout(TypedDict):
    """A payout of an escrow; `txid` is null until the chain has confirmed it."""

    kind: Kind
    txid: str | None


@_closed
class Escrow(TypedDict):
    """What the parties of an order are told of its escrow; the address is null until the wallets have agreed on it."""

    deposit_address: str | None
    received_piconero: Piconero
    held_piconero: Piconero
    too_small_piconero: Annotated[
        int,
        Field(
            ge=0, description="Part of what was received that counts for nothing: it costs more to spend than it is."
        ),
    ]
    payouts: list[Payout]


@_closed
class Order(TypedDict):
    """An order as one of its parties sees it: the key is the buyer's alone, and not every order has an escrow."""

    id: str
    sequence: Sequence
    state: State
    listing_id: str
    buyer_id: str
    vendor_id: str
    price_piconero: Piconero
    note: str
    idempotency_key: NotRequired[str]
    created_at: Unix
    updated_at: Unix
    escrow: NotRequired[Escrow]


@_closed
class OrderPage(TypedDict):
    """A page of what one has bought, oldest first."""

    items: list[Order]
    page: int
    per_page: int
    next_page: NextPage


@_closed
class Moved(TypedDict):
    """An order that has a new state."""

    id: str
    state: State
    sequence: Sequence


@_closed
class Decided(TypedDict):
    """A payout that was decided: the state changes once the chain has confirmed it."""

    id: str
    state: State
    payout: Kind
    sequence: Sequence


@_closed
class Alive(TypedDict):
    """The process answers."""

    status: Literal["alive"]
    colour: str


@_closed
class Readiness(TypedDict):
    """Whether traffic may come; `degraded` (wallets are silent) means that it may."""

    status: Literal["ready", "degraded", "draining", "unready"]
    colour: str
    database: Literal["writable", "unavailable"]
    synchronous: Annotated[
        str | None, Field(description="SQLite's synchronous pragma, as the writing connection has it.")
    ]
    wallets: dict[str, Literal["answers", "silent"]]


@_closed
class Problem(TypedDict):
    """A field that breaks its rule."""

    field: str
    problem: str


@_closed
class Told(TypedDict):
    """What was wrong, for a program, for a person, and for whoever looks into the logs."""

    code: str
    message: str
    request_id: str
    fields: NotRequired[list[Problem]]


@_closed
class Failure(TypedDict):
    """Every answer from 400 on."""

    error: Told
