"""A runner that injects one fault and kills itself (or its watchdog first) at one step.

python -m tests.chaos.victim ROOT FAULT STEP runner|both
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from chaos.faults import decode
from chaos.injection import injected
from chaos.runner import Runner
from tests.chaos.fake_stack import FakeStack


def main() -> None:
    root, fault, fatal = Path(sys.argv[1]), decode(json.loads(sys.argv[2])), sys.argv[3]
    stack: Any = FakeStack(root)

    def told(step: str) -> None:
        if step == fatal:
            if sys.argv[4] == "both":
                watchdog = Runner.of(stack).watchdog_pid
                assert watchdog is not None
                os.kill(watchdog, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

    # Between the engine's having done it and the journal's hearing of it: the step that no callback marks.
    original = type(fault).inject

    def inject(self: Any, target: Any) -> None:
        original(self, target)
        told("effect")

    type(fault).inject = inject  # type: ignore[method-assign,assignment]
    with injected(fault, stack, told=told):
        told("standing")


if __name__ == "__main__":
    main()
