"""Why: a comparison is worth what its judge is worth: who says nothing misses, and who says too much raises wrongly."""

from __future__ import annotations

from tests.comparison.judged import TRUTH, Said, judged
from tests.sabotage.security.ledger import catalogue_levels

WRONG = {"web: a moving image": ["SEC-CMP-007"], "db: a password": ["SEC-CMP-003", "CL-0020"]}


def test_what_is_said_of_the_right_service_is_found() -> None:
    one = judged(WRONG, [Said("SEC-CMP-007", "web"), Said("CL-0020", "db")], 1.0)

    assert one.found == tuple(WRONG)
    assert (one.missed, one.wrong) == ((), ())


def test_silence_misses_and_another_service_is_wrongly_blamed() -> None:
    one = judged(WRONG, [Said("SEC-CMP-007", "db")], 1.0)

    assert one.missed == tuple(WRONG)
    assert one.wrong == (Said("SEC-CMP-007", "db"),)


def test_the_same_thing_said_twice_is_one_finding() -> None:
    assert judged({}, [Said("X", "web")] * 3, 1.0).wrong == (Said("X", "web"),)


def test_every_id_of_ours_in_the_truth_exists() -> None:
    named = {id_ for truth in TRUTH.values() for ids in truth.values() for id_ in ids["ours"]}

    assert named - catalogue_levels().keys() == set()
