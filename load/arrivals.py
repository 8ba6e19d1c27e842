"""When requests are *meant* to start: a schedule that never waits for the server (the open model).

Pure. A rate is a list of straight segments; one inversion of its integral gives every schedule: evenly spaced arrivals
are where the integral passes 0.5, 1.5, 2.5 …, Poisson arrivals where it passes the sums of unit exponentials (time
rescaling: Brown et al., "The time-rescaling theorem", Neural Computation 14, 2002).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice


@dataclass(frozen=True)
class Segment:
    """A stretch of time over which the rate goes in a straight line.

    Raises:
        ValueError: a length that is not positive, or a rate that is negative; neither may be infinite or NaN.

    """

    seconds: float
    begin_rate: float
    """Arrivals a second at its begin."""
    end_rate: float

    def __post_init__(self) -> None:
        """Refuse what is no stretch of time."""
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"a segment lasts {self.seconds} s, expected more than 0")
        for rate in (self.begin_rate, self.end_rate):
            if not (math.isfinite(rate) and rate >= 0):
                raise ValueError(f"a rate is {rate} arrivals/s, expected 0 or more")

    @property
    def expected(self) -> float:
        """How many arrivals the segment brings on average."""
        return self.seconds * (self.begin_rate + self.end_rate) / 2

    def when(self, count: float) -> float:
        """Give the seconds from its begin at which `count` arrivals (0 … expected) have come on average."""
        slope = (self.end_rate - self.begin_rate) / self.seconds
        # the root of slope/2·t² + begin·t = count in the form that also holds for a slope of 0, without cancellation
        root = math.sqrt(max(0.0, self.begin_rate**2 + 2 * slope * count))
        divisor = self.begin_rate + root
        return min(self.seconds, 2 * count / divisor) if divisor else 0.0


Rate = Sequence[Segment]


def constant(rate: float, seconds: float) -> list[Segment]:
    """The same rate throughout."""
    return [Segment(seconds, rate, rate)]


def ramp(begin: float, end: float, seconds: float) -> list[Segment]:
    """From one rate to another in a straight line."""
    return [Segment(seconds, begin, end)]


def steps(rates: Sequence[float], seconds_each: float) -> list[Segment]:
    """One rate after another, each for the same time; also the replay of a rate recorded at regular intervals."""
    return [Segment(seconds_each, rate, rate) for rate in rates]


def spike(base: float, peak: float, *, before: float, spike_seconds: float, after: float) -> list[Segment]:
    """A base rate, a sudden peak, and the base again."""
    return [Segment(before, base, base), Segment(spike_seconds, peak, peak), Segment(after, base, base)]


def length(rate: Rate) -> float:
    """How many seconds a schedule lasts."""
    return math.fsum(segment.seconds for segment in rate)


def expected(rate: Rate) -> float:
    """How many arrivals a schedule brings on average."""
    return math.fsum(segment.expected for segment in rate)


def evenly(rate: Rate) -> Iterator[float]:
    """Arrival times in seconds from the begin, as evenly spaced as the rate allows."""
    total = expected(rate)
    return _inverted(rate, (number + 0.5 for number in range(math.floor(total + 0.5))))


def poisson(rate: Rate, *, seed: int) -> Iterator[float]:
    """Arrival times of independent clients; the same seed gives the same times."""
    return _inverted(rate, _exponential_sums(random.Random(seed)))


def share(arrivals: Iterator[float], *, index: int, count: int) -> Iterator[float]:
    """The part that worker `index` of `count` starts: the workers' parts together are exactly the whole."""
    if not 0 <= index < count:
        raise ValueError(f"there is no worker {index} of {count}")
    return islice(arrivals, index, None, count)


def _exponential_sums(source: random.Random) -> Iterator[float]:
    total = 0.0
    while True:
        total += source.expovariate(1.0)
        yield total


def _inverted(rate: Rate, counts: Iterator[float]) -> Iterator[float]:
    """Turn an ascending series of arrival counts into the times at which the rate reaches them, to the schedule's end."""
    begin, before = 0.0, 0.0
    segments = iter(rate)
    segment = next(segments, None)
    for count in counts:
        while segment is not None and count - before > segment.expected:
            begin, before = begin + segment.seconds, before + segment.expected
            segment = next(segments, None)
        if segment is None:
            return
        yield begin + segment.when(count - before)
