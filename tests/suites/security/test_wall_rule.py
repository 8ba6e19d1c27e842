"""Why: a firewall is judged by what answered before and after it, and silence counts only where something answered before."""

from __future__ import annotations

from stack.namespaces import Target
from suites.security.rules import wall

HOST, CONTAINER = "198.51.100.1", "198.51.100.130"
PLACES = {HOST: "a published port", CONTAINER: "a container's own address"}


def test_what_was_silent_without_rules_is_named() -> None:
    assert wall.blind({Target(HOST, 22): "open", Target(HOST, 80): "refused"}) == [Target(HOST, 80)]


def test_what_passes_and_what_is_stopped_is_as_it_should_be() -> None:
    after = {Target(HOST, 443): "open", Target(HOST, 8080): "silent", Target(CONTAINER, 443): "refused"}

    assert wall.problems(after, [443], PLACES, own=[CONTAINER]) == []


def test_a_container_must_not_answer_even_on_a_port_that_passes() -> None:
    assert wall.problems({Target(CONTAINER, 443): "open"}, [443], PLACES, own=[CONTAINER]) == [
        f"{CONTAINER}:443/tcp (a container's own address) answers, expected to be stopped"
    ]


def test_a_port_that_should_pass_and_is_silent_is_a_problem() -> None:
    assert wall.problems({Target(HOST, 443): "silent"}, [443], PLACES, own=[CONTAINER]) == [
        f"{HOST}:443/tcp (a published port) is silent, expected to answer"
    ]
