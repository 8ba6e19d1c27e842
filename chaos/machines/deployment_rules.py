"""The model of deployments: good and bad releases, rollbacks, the deploying process killed, and what it deploys to hit meanwhile.

Everything is drawn with `sampled_from`, as in order_rules.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from chaos.machines.drawing import Drawing
from chaos.machines.releases import BAD, GOOD
from stack.deployment.record import BAKING, DRAINING, STARTING, SWITCHING

PHASES = (STARTING, SWITCHING, BAKING, DRAINING)
LATER_MILLISECONDS = (0, 100, 400, 1200)
"""How long after a phase was written down: each has several acts."""
EFFECTS = ("killed", "paused")
TARGETS = ("serving", "other", "edge")
"""Who is hit: what active.conf names in that moment, the other colour, the edge."""


class DeploymentRules(Drawing):
    """What an operator does next, and what goes wrong with it."""

    def __init__(self) -> None:
        """Nothing has been deployed."""
        super().__init__()
        self.deployed = 0
        self.ordered = 0

    def next_good(self) -> str:
        """One that does not serve now, whatever became of the last ones."""
        self.deployed += 1
        return GOOD[self.deployed % len(GOOD)]

    @rule()
    def deploy(self) -> None:
        self.do("deploy", release=self.next_good())

    @rule(data=st.data())
    def deploy_a_bad_one(self, data: st.DataObject) -> None:
        self.do("deploy", release=data.draw(st.sampled_from(tuple(BAD))))

    @precondition(lambda self: self.deployed > 0)
    @rule()
    def roll_back(self) -> None:
        self.do("rollback")

    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        phase = data.draw(st.sampled_from(PHASES))
        later = data.draw(st.sampled_from(LATER_MILLISECONDS))
        self.do("kill", release=self.next_good(), phase=phase, later_ms=later)

    @rule(data=st.data())
    def hit(self, data: st.DataObject) -> None:
        phase = data.draw(st.sampled_from(PHASES))
        effect = data.draw(st.sampled_from(EFFECTS))
        target = data.draw(st.sampled_from(TARGETS))
        self.do("hit", release=self.next_good(), phase=phase, effect=effect, target=target)

    @rule()
    def order(self) -> None:
        self.do("order", key=self.ordered)
        self.ordered += 1
