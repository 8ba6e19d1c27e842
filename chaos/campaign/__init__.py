"""Kills the runner, its watchdog, its helpers and the targets at random moments of every fault, and has what is left judged."""
