"""NIGHT/timeline.jsonl: what the stages themselves saw. One line an event, appended in one write."""

import json
import os
import subprocess
import time
from pathlib import Path


class Timeline:
    def __init__(self, night, experiment, stage):
        self.night, self.who = Path(night), {"experiment": experiment, "stage": stage, "pid": os.getpid()}

    def note(self, event, **more):
        line = json.dumps({"event": event, **self.who, "at": time.time() * 1000, **more}) + "\n"
        handle = os.open(self.night / "timeline.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(handle, line.encode())
        os.close(handle)

    def beside(self):
        """Stages that live at this moment."""
        path, open_ones = self.night / "timeline.jsonl", {}
        text = path.read_text() if path.exists() else ""
        for line in map(json.loads, text[: text.rfind("\n") + 1].splitlines()):
            if line["event"] == "start":
                open_ones[line["pid"]] = f"{line['experiment']} {line['stage']}"
            elif line["event"] == "end":
                open_ones.pop(line["pid"], None)
        return [name for pid, name in open_ones.items() if alive(pid)]

    def rest(self):
        """Seconds until the second half. The stage that is hurt is a long one: it outlives the restart, as a training does."""
        return 6 if (self.night / f"long-{self.who['experiment']}-{self.who['stage']}").exists() else 1

    def stops_here(self):
        """True once: the night's script wants this stage to leave half an output and exit code 0."""
        wish = self.night / f"half-{self.who['experiment']}-{self.who['stage']}"
        try:
            wish.unlink()
        except FileNotFoundError:
            return False
        return True


def alive(pid):
    shown = subprocess.run(["ps", "-o", "stat=", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "python" in shown.stdout and not shown.stdout.startswith("Z")
