"""The server with one thing broken (SEATRIAL_BROKEN), so that whatever claims to find such things can be seen to find it."""

from __future__ import annotations

import os
import sys
from typing import Any

from marketplace_server import listings, payloads
from marketplace_server.__main__ import main
from marketplace_server.errors import InvalidInput

_page, _query = listings.page, payloads.query


def _fails_on_deep_pages(*given: Any, **wanted: Any) -> Any:
    if wanted["page"] > 500:
        raise OverflowError
    return _page(*given, **wanted)


def _answers_more_than_described(*given: Any, **wanted: Any) -> Any:
    return {**_page(*given, **wanted), "total": 1}


def _takes_what_breaks_a_rule(request: Any, model: Any) -> Any:
    try:
        return _query(request, model)
    except InvalidInput:
        return model()


BROKEN = {
    "fails on deep pages": (listings, "page", _fails_on_deep_pages),
    "answers more than described": (listings, "page", _answers_more_than_described),
    "takes what breaks a rule": (payloads, "query", _takes_what_breaks_a_rule),
}

if __name__ == "__main__":
    setattr(*BROKEN[os.environ["SEATRIAL_BROKEN"]])
    sys.exit(main())
