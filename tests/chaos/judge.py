"""Judge leftovers without any code of ours: python judge.py ROOT prints what is wrong with the fake engine's file."""

import json
import sys
from pathlib import Path

wrong = []
for found in json.loads((Path(sys.argv[1]) / "engine.json").read_text()):
    name, state = found["Name"], found["State"]
    if state["Status"] != "running" or state["Paused"]:
        wrong.append(f"{name} is {state['Status']}")
    aliases = (found["NetworkSettings"]["Networks"].get("fake_net") or {}).get("Aliases") or []
    if name.lstrip("/").split("-")[1] not in aliases:
        wrong.append(f"{name} is not in its network under its name")
print("\n".join(wrong))
sys.exit(bool(wrong))
