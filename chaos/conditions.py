"""Under which conditions a session's experiments run: with customers or not, on which stack, asking when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.customers import BaseCustomers, Customers, Nobody
from chaos.experiment import Experiment, run
from chaos.stage import Stages
from chaos.verdict import Verdict

if TYPE_CHECKING:
    from chaos.strategy import Strategy
    from stack.model import Stack


class Conditions:
    """What all experiments of a session share. `close` ends it: the load first, then the other stacks."""

    def __init__(self, *, base_load: bool = True, steady: Strategy | None = None) -> None:
        """`steady` is when the steady state is asked for, whatever an experiment says of itself."""
        self._base_load = base_load
        self._steady = steady
        self._stages = Stages()
        self._customers: BaseCustomers | None = None

    def verdict(self, experiment: Experiment, stack: Stack) -> Verdict:
        """What the experiment shows. Raises CannotTell when the stack it needs can't be had."""
        if experiment.stage is None:
            return run(experiment, stack, customers=self._customers_of(stack), steady=self._steady)
        own = self._stages.stack_of(experiment.stage, stack)
        nobody = Nobody(f"it ran on a stack of its own ({experiment.stage.name}), where nobody browses")
        return run(experiment, own, customers=nobody, steady=self._steady)

    def close(self) -> None:
        """End what the experiments shared."""
        try:
            if self._customers is not None:
                self._customers.close()
        finally:
            self._stages.close()

    def _customers_of(self, stack: Stack) -> Customers:
        if not self._base_load:
            return Nobody("--no-base-load")
        if self._customers is None:
            self._customers = BaseCustomers(stack)
        return self._customers.customers()
