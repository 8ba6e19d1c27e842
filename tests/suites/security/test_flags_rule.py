"""Why: a Prometheus that does not tell a flag has not said that it is off."""

from __future__ import annotations

import pytest

from stack.errors import CannotTell
from suites.security.test_authentication import watched_flags

FLAGS = {"web.enable-admin-api": "false", "web.enable-lifecycle": "false", "web.enable-remote-write-receiver": "true"}


def test_told_flags_are_read() -> None:
    assert watched_flags("prometheus", {**FLAGS, "web.page-title": "x"}) == FLAGS


@pytest.mark.parametrize("missing", sorted(FLAGS))
def test_a_flag_that_is_not_told_is_no_answer(missing: str) -> None:
    with pytest.raises(CannotTell, match=missing):
        watched_flags("prometheus", {name: value for name, value in FLAGS.items() if name != missing})
