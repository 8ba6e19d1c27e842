"""Releases to deploy, made at test time from the one that runs: good ones, and ones that are bad each in its own way.

They differ from what they are made of by a label, or by what stands between the edge and the program. Nothing is fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.driver import Driver

GOOD = ("sound-a", "sound-b", "sound-c")
"""Three: of two in turn, one that was not put into service would be followed by the one that serves."""
_PROGRAM = """\
import os
import sys
from marketplace_server import __main__ as program

class Between:
    def __init__(self, app):
        self.app, self.asked = app, 0
    async def __call__(self, scope, receive, send):
        path = scope.get("path")
        self.asked += path == "/api/listings"
        async def refused(message):
            status = {"status": 500} if message["type"] == "http.response.start" else {}
            await send({**message, **status})
        BAD
        await self.app(scope, receive, send)

made = program.create_app
def between(settings):
    app = made(settings)
    app.add_middleware(Between)
    return app
program.create_app = between
sys.exit(program.main())
"""
_SMOKE_ASKS = 1
"""How often the smoke test asks for the listings: what comes after it are customers, and whoever watches."""
BAD = {
    "never-ready": 'send = refused if path == "/ready" else send',
    "crashes": f"if self.asked > {_SMOKE_ASKS}: os.kill(os.getpid(), 9)",
    "fails-customers": f'send = refused if path == "/api/listings" and self.asked > {_SMOKE_ASKS} else send',
}
"""What each does wrong. The last two are ready and pass their smoke test: only who serves customers can be seen to be no good."""
ALL = (*GOOD, *BAD)


def dockerfile(name: str, base: str) -> str:
    """How the release of that name is made."""
    made = f"FROM {base}\nLABEL seatrial.trial={name}\n"
    if name in BAD:
        program = _PROGRAM.replace("BAD", BAD[name])
        made += f"ENTRYPOINT {json.dumps(['python', '-c', program])}\n"
    return made


@contextmanager
def releases(driver: Driver, names: Iterable[str], base: str) -> Iterator[dict[str, str]]:
    """The image of each of the releases, by name, for the length of the block; `base` is what runs.

    Raises CannotTell when one can't be made, or can't be removed again.
    """
    with ExitStack() as gone:
        images = {}
        for name in dict.fromkeys(names):
            images[name] = f"seatrial/server:trial-{driver.project}-{name}"
            gone.callback(driver.remove_image, images[name])
            driver.derive_image(images[name], dockerfile(name, base))
        yield images
