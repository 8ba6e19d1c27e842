"""Lets a host's own firewall (ufw) pass the edge and the operator's way in only, the ports that the engine publishes included.

ufw by itself does not see published ports: the engine rewrites their destination before the host's INPUT chain is asked,
and lets them through in FORWARD ahead of ufw's rules. So `up` also has ufw fill a chain of our own and have DOCKER-USER,
which the engine calls first and never empties, jump to it: in IPv4 and IPv6, at boot and at every `ufw reload`, by one
script of ours that ufw's after.init calls. The rules that `stack.ops firewall` puts there for a project stay as they are.

`down` takes the script and the jump away again. The ufw rules stay, since the operator's own way in is one of them;
`ufw disable` turns those off.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.completed import complete
from stack.errors import CannotTell, UserError
from stack.ops.command import FAILED, OK, Refused, answer

PASS = (22, 80, 443)
STOP = ("8080", "18082:18084")
CHAIN = "seatrial-host"
UFW = Path("/etc/ufw")
SCRIPT, HOOK = "seatrial.init", "after.init"
BEGIN, END = "# BEGIN seatrial host-firewall", "# END seatrial host-firewall"
_RANGE = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")
_HIGHEST = 65535

_SCRIPT = """\
#!/bin/sh
# Made by `python -m stack.ops host-firewall up`, called by after.init: ufw's rules for the ports that Docker publishes.
# Taken away by `python -m stack.ops host-firewall down`.
set -e
for family in iptables ip6tables; do
    "$family" -w 10 -S INPUT >/dev/null 2>&1 || continue # a kernel without IPv6
    case "$1" in
    start)
        "$family-restore" -w 10 -n <<'RULES'
{rules}
RULES
        # ufw comes before the engine at boot, and the engine keeps a chain that is there.
        "$family" -w 10 -S DOCKER-USER >/dev/null 2>&1 || "$family" -w 10 -N DOCKER-USER
        "$family" -w 10 -C DOCKER-USER -j {chain} 2>/dev/null || "$family" -w 10 -I DOCKER-USER -j {chain}
        ;;
    stop)
        while "$family" -w 10 -D DOCKER-USER -j {chain} 2>/dev/null; do :; done
        if "$family" -w 10 -S {chain} >/dev/null 2>&1; then
            "$family" -w 10 -F {chain}
            "$family" -w 10 -X {chain}
        fi
        ;;
    esac
done
"""


@dataclass(frozen=True)
class Plan:
    """What is to pass and what is to be stopped by name; everything else that comes in is stopped too."""

    passes: tuple[int, ...] = PASS
    stops: tuple[str, ...] = STOP

    @property
    def commands(self) -> tuple[tuple[str, ...], ...]:
        """The ufw commands, what passes first: at no moment is the operator's own way in closed."""
        return (
            *(("ufw", "allow", f"{port}/tcp", "comment", "seatrial") for port in self.passes),
            *(("ufw", "deny", f"{ports}/tcp", "comment", "seatrial") for ports in self.stops),
            ("ufw", "default", "deny", "incoming"),
            ("ufw", "default", "deny", "routed"),
        )

    @property
    def published(self) -> str:
        """What `iptables-restore` is given, for either family: a chain of our own, filled anew each time."""
        passes = ",".join(map(str, self.passes))
        bridges = ("br-+", "docker0")
        return "\n".join(
            [
                "*filter",
                f":{CHAIN} - [0:0]",
                f"-A {CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
                # What containers send is no question of a host's firewall (`stack.ops firewall` answers it).
                *(f"-A {CHAIN} -i {bridge} -j RETURN" for bridge in bridges),
                *(
                    f"-A {CHAIN} -p tcp -m conntrack --ctstate DNAT --ctorigdstport {port} -j RETURN"
                    for port in self.passes
                ),
                f"-A {CHAIN} -m conntrack --ctstate DNAT -m comment --comment \"published, and not {passes}\" -j DROP",
                # A routed neighbour may also know a container's own address.
                *(f"-A {CHAIN} -o {bridge} -m conntrack --ctstate NEW -j DROP" for bridge in bridges),
                "COMMIT",
            ]
        )

    @property
    def script(self) -> str:
        """The script that ufw runs at its start and stop."""
        return _SCRIPT.format(rules=self.published, chain=CHAIN)


def hooked(text: str, *, there: bool) -> str:
    """Answer after.init's text with (or without) the lines that call our script; all else stays as it is."""
    lines: list[str] = []
    ours = False
    for line in text.splitlines(keepends=True):
        ours = ours or line.startswith(BEGIN)
        if not ours:
            lines.append(line)
        ours = ours and not line.startswith(END)
    if there:
        # After the first line, which names the interpreter: what stands below may leave early.
        lines[1:1] = [f"{BEGIN}\n", f'sh {UFW / SCRIPT} "$1"\n', f"{END}\n"]
    return "".join(lines)


def up(plan: Plan, *, folder: Path = UFW) -> int:
    """Put the rules in and turn ufw on, or reload it; answer how many ufw rules there are.

    Raises `Refused` where this would close the session it is typed in, `CannotTell` when ufw or iptables refuse.
    """
    require()
    _refuse_to_lock_out(plan)
    for command in plan.commands:
        _run(*command)
    script, hook = folder / SCRIPT, folder / HOOK
    _write(script, plan.script, 0o750)
    before = hook.read_text() if hook.exists() else "#!/bin/sh\n"
    _write(hook, hooked(before, there=True), 0o750)
    _run("ufw", "reload") if is_active() else _run("ufw", "--force", "enable")
    if missing := [family for family in families() if not _jumps(family)]:
        message = f"ufw is on, but its rules for published ports are not in {', '.join(missing)}: see `sh {script} start`"
        raise CannotTell(message)
    return len(plan.passes) + len(plan.stops)


def down(*, folder: Path = UFW) -> bool:
    """Take the part for published ports away; answer whether it was there. ufw's rules and ufw itself stay."""
    require()
    script, hook = folder / SCRIPT, folder / HOOK
    if not script.exists():
        return False
    _write(hook, hooked(hook.read_text(), there=False), 0o750)
    _run("sh", str(script), "stop")
    script.unlink()
    return True


def is_active() -> bool:
    """Whether ufw is on. CannotTell without ufw or root."""
    return "Status: active" in _run("ufw", "status")


def families() -> list[str]:
    """The iptables programs that this kernel answers."""
    return [
        name
        for name in ("iptables", "ip6tables")
        if complete((name, "-w", "10", "-S", "INPUT"), timeout_seconds=15).ok
    ]


def require() -> None:
    """CannotTell unless this process may change a firewall."""
    if os.geteuid() != 0:
        message = "ufw can only be set up by root"
        raise CannotTell(message)


def _jumps(family: str) -> bool:
    return complete((family, "-w", "10", "-C", "DOCKER-USER", "-j", CHAIN), timeout_seconds=15).ok


def _refuse_to_lock_out(plan: Plan) -> None:
    came_by = os.environ.get("SSH_CONNECTION", "").split()[3:4]
    if came_by and int(came_by[0]) not in plan.passes:
        message = f"this session came in by port {came_by[0]}, which would be closed: add --pass {came_by[0]}"
        raise Refused(message)


def _run(*argv: str) -> str:
    done = complete(argv, timeout_seconds=60)
    if not done.ok:
        message = f"{' '.join(argv)}: {done.last_words()}"
        raise CannotTell(message)
    return done.stdout


def _write(path: Path, text: str, mode: int) -> None:
    from stack.files import write_whole  # here: the backup image has this folder and the standard library alone

    write_whole(path, text, mode=mode)


def ports(text: str) -> str:
    """Read one `--stop`: a port or a range `FROM:TO`; raises `UserError` for anything else."""
    found = _RANGE.fullmatch(text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 0 < first <= last <= _HIGHEST:
        message = f"{text!r} is no port and no range FROM:TO of ports"
        raise UserError(message)
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `python -m stack.ops host-firewall`."""
    parser.add_argument("action", choices=("up", "down", "status"), help="put the rules in, take our part away, or look")
    parser.add_argument(
        "--pass", dest="passes", metavar="PORT", action="append", help=f"a TCP port to let in (default: {PASS})"
    )
    parser.add_argument(
        "--stop", dest="stops", metavar="PORT[:PORT]", action="append", help=f"a port to refuse by name (default: {STOP})"
    )
    parser.add_argument("--dry-run", action="store_true", help="with up or down: show what would be done, change nothing")


def main(args: argparse.Namespace) -> int:
    """Runs the command; 0 when done (also: nothing to do), 1 when `status` finds the host open."""
    plan = Plan(_passes(args.passes), tuple(map(ports, args.stops or STOP)))
    if args.action == "status":
        open_in = [family for family in families() if not _jumps(family)]
        active = is_active()
        sentence = "ufw is on" if active else "ufw is off"
        sentence += f"; published ports pass it by in {', '.join(open_in)}" if open_in else "; published ports are covered"
        answer(args, {"active": active, "published_ports_open_in": open_in}, sentence)
        return OK if active and not open_in else FAILED
    if args.action == "down":
        sentence = f"would remove {UFW / SCRIPT}, its lines in {UFW / HOOK}, and the chain {CHAIN}"
        if args.dry_run:
            answer(args, {"would_remove": [str(UFW / SCRIPT), CHAIN]}, sentence)
            return OK
        gone = down()
        answer(args, {"removed": gone}, "published ports pass ufw by again" if gone else "nothing of ours was there")
        return OK
    if args.dry_run:
        lines = [" ".join(command) for command in plan.commands]
        answer(args, {"would_run": lines, "would_write": plan.script}, "\n".join([*lines, "", plan.script]))
        return OK
    count = up(plan)
    facts = {"rules": count, "pass": list(plan.passes), "stop": list(plan.stops)}
    answer(args, facts, f"ufw lets in {', '.join(map(str, plan.passes))} and nothing else, published ports included")
    return OK


def _passes(texts: Sequence[str] | None) -> tuple[int, ...]:
    if texts is None:
        return PASS
    for text in texts:
        if ":" in ports(text):
            message = f"--pass takes one port at a time, not {text}"
            raise UserError(message)
    return tuple(dict.fromkeys(map(int, texts)))
