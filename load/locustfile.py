"""The load test as Locust runs it: `locust -f load/locustfile.py --load-plan PLAN`, with or without its web page.

Locust's own users wait for their answers (a closed model), so the one user here only marks the run: the requests are
started by a Dispatcher on the profile's schedule. Locust's statistics and web page show the latencies from the
intended start as well.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.runners import LocalRunner

from load import profiles
from load.dispatch import Dispatcher
from load.live import LiveLog
from load.verdict import Outcome, judge, never_made, saturation
from stack.errors import UserError

EXIT = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 3}
BAD_INPUT = 4
PRIORITY = -10
"""Nice value, where the user may have one below 0; it uses a tenth of a core at 100 arrivals/s."""

log = logging.getLogger("load")
run: dict[str, Any] = {}


class Arrivals(User):
    """Stands for the run in Locust's books; a Locust run needs a user."""

    fixed_count = 1

    @task
    def stay(self) -> None:
        """Leave the work to the dispatcher."""
        gevent.sleep(1)


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser, **_: Any) -> None:
    """Add our two options to Locust's."""
    parser.add_argument("--load-plan", help="JSON of the profile and the target (load/profiles.py writes it)")
    parser.add_argument("--load-result", default="", help="file for the record and the verdict, as JSON")
    parser.add_argument(
        "--load-live", default="", help="file for each request as it happens; the load then ends with whoever started it"
    )


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Read the plan and start the dispatcher beside Locust's user."""
    if not isinstance(environment.runner, LocalRunner):
        refuse(environment, "the open-model schedule runs in one process so far: leave --processes, --master and --worker")
        return
    options = environment.parsed_options
    try:
        if options is None or not options.load_plan:
            raise UserError("--load-plan is missing")
        profile, target = profiles.read(Path(options.load_plan))
        live = LiveLog(Path(options.load_live)) if options.load_live else None
        dispatcher = Dispatcher(profile, target, on_answer=lambda *seen: tell_locust(environment, *seen), live=live)
    except (UserError, OSError) as error:
        refuse(environment, str(error))
        return
    # On one machine with the system under test the generator would be starved by what it loads, and measure itself.
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    run["dispatcher"] = dispatcher
    if live is not None:
        gevent.spawn(end_with_parent, environment, os.getppid())
    run["greenlet"] = gevent.spawn(drive, environment, dispatcher, options.load_result, live)


def end_with_parent(environment: Environment, parent: int) -> None:
    """A load without an end of its own must not outlive a session that was killed."""
    while os.getppid() == parent:
        gevent.sleep(1)
    log.error("whoever started this load is gone, so it ends")
    if environment.runner is not None:
        environment.runner.quit()


def drive(environment: Environment, dispatcher: Dispatcher, result: str, live: LiveLog | None) -> None:
    """Prepare, run and end: a plan has an end, so Locust needs no --run-time."""

    def begun() -> None:
        if result:
            making = Path(result + ".beginning")
            making.write_text(repr(time.time()), encoding="utf-8")
            making.rename(result + ".begun")

    try:
        market = dispatcher.prepare()
        dispatcher.run(market, begun)
    except UserError as error:
        refuse(environment, str(error))
        return
    finally:
        if live is not None:
            live.close()
    finish(environment, dispatcher, result)
    if environment.web_ui is None and environment.runner is not None:
        environment.runner.quit()


def finish(environment: Environment, dispatcher: Dispatcher, result: str) -> None:
    """Judge, write the result and set the exit code."""
    verdict = judge(dispatcher.record, dispatcher.profile)
    outcomes = {judgement.outcome for judgement in verdict.values()}
    worst = next(each for each in (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.PASS) if each in outcomes)
    environment.process_exit_code = EXIT[worst]
    for judgement in verdict.values():
        log.info(
            "%s: %.4g %s, expected below %.4g: %s %s",
            judgement.objective, judgement.observed, judgement.unit, judgement.limit, judgement.outcome.value, judgement.why,
        )  # fmt: skip
    if result:
        facts = {
            "record": dispatcher.record.as_json(),
            "verdict": {name: {**vars(each), "outcome": each.outcome.value} for name, each in verdict.items()},
            "saturation": saturation(dispatcher.record),
            "never_made": never_made(dispatcher.record),
        }
        making = Path(result + ".making")
        making.write_text(json.dumps(facts), encoding="utf-8")
        making.rename(result)


def refuse(environment: Environment, sentence: str) -> None:
    """End the run with one sentence and the exit code of bad input."""
    log.error(sentence)
    environment.process_exit_code = BAD_INPUT
    if environment.runner is not None:
        gevent.spawn(environment.runner.quit)


def tell_locust(environment: Environment, endpoint: str, latency: float, error: Exception | None) -> None:
    """Enter one request into Locust's own statistics."""
    environment.events.request.fire(
        request_type="open", name=endpoint, response_time=latency * 1e3, response_length=0, exception=error, context={}
    )


@events.quitting.add_listener
def stop_and_keep(environment: Environment, **_: Any) -> None:
    """End an interrupted run so that what was measured is kept."""
    if (dispatcher := run.get("dispatcher")) is not None and (greenlet := run.get("greenlet")) is not None:
        dispatcher.stop()
        if greenlet is not gevent.getcurrent():
            greenlet.join(timeout=dispatcher.profile.timeout_seconds + 2)
