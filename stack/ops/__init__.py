"""The operator's commands, so that what a person types at three in the morning is what the suites prove by day.

Run them as `python -m stack.ops <command>`; the schedulers in the two backup services run the same ones.
Modules here load with the standard library alone (each command imports what it needs when it runs), since this
package is also copied into the backup image.
"""

from __future__ import annotations

PROGRAM_VERSION = "0.1.0.dev0"
