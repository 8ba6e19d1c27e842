"""Answers the interface's own description, to anybody: who may call an interface may read what it takes."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..answers import answer
from ..description import document
from ..operation import Operation, operation


def described(routes: Sequence[Route]) -> Route:
    """Make the route that describes the given ones and itself."""

    @operation(Operation(answers={200: "application/json"}))
    async def describe(_: Request) -> Response:
        """Read this description of the interface, as OpenAPI 3.1."""
        return answer(whole)

    own = Route("/api/openapi.json", describe, methods=["GET"])
    # Made when the program starts: it holds for as long as the program does, and a mistake in it shows at once.
    whole = document([*routes, own])
    return own
