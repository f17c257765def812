"""The tests' stand-in for mlx_lm (test/fixtures/stand-in) with the peers' timing: a second of work, half the output, a
second, the rest. Notes in NIGHT/timeline.jsonl what stage.py notes. PEERS_NIGHT: the night's folder."""

import json
import os
import runpy
import signal
import sys
import tempfile
import time
from pathlib import Path

here = Path(__file__).parent
standin = here / "../../test/fixtures/stand-in"
sys.path[:0] = [str(here), str(standin)]
import tools  # noqa: E402
from timeline import Timeline  # noqa: E402

STAGES = {"lora": "train", "fuse": "fuse", "fuse_direct": "fuse", "convert": "quantize", "serve": "eval"}
INPUTS = {
    "fuse": ("--adapter-path", "adapters.safetensors"),
    "fuse_direct": ("--adapter", "adapters.safetensors"),
    "convert": ("--hf-path", "model.safetensors"),
    "serve": ("--model", "model.safetensors"),
}


def state(path):
    """whole, half or missing, by the file's own header."""
    if not path.exists():
        return "missing"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    return "whole" if len(data) == 8 + length + max(ends) else "half"


def in_halves(line):
    """Weights as the stand-in writes them, but slowly; the last ones only: checkpoints are a training's own business."""
    write = tools.write_weights

    def slow(path, *identity):
        if Path(path).name not in ("adapters.safetensors", "model.safetensors"):
            return write(path, *identity)
        with tempfile.TemporaryDirectory() as aside:
            names = write(Path(aside, "whole"), *identity)
            data = Path(aside, "whole").read_bytes()
        with open(path, "wb") as out:
            out.write(data[: len(data) // 2])
            out.flush()
            line.note("half")
            if line.stops_here():
                out.close()
                os._exit(0)
            time.sleep(line.rest())
            out.write(data[len(data) // 2 :])
        return names

    return slow


def slow_server(line):
    """Half an evaluation is two of its four answers. A server is ended by a signal: whether the stage had all it wanted by
    then, its answers tell."""
    import server

    class Clock:
        asked = 0

        def sleep(self, _seconds):
            self.asked += 1
            if self.asked == 3:
                line.note("half")
            time.sleep(line.rest() if self.asked == 3 else 0.5)

    def end(_number, _frame):
        found = [path for path in (Path("answers.jsonl"), Path("../answers.jsonl")) if path.exists()]
        whole = any(len(path.read_text().splitlines()) >= 4 for path in found)
        line.note("end" if whole else "stopped")
        os._exit(0)

    server.time = Clock()
    signal.signal(signal.SIGTERM, end)


def main():
    argv = sys.argv[1:]
    tool = argv[2] if argv[:2] == ["-m", "mlx_lm"] else Path(argv[0]).stem
    sys.argv = [str(standin / "main.py"), *argv]
    if tool in STAGES:
        parts = Path.cwd().parts
        line = Timeline(os.environ["PEERS_NIGHT"], parts[parts.index("artifacts") + 1], STAGES[tool])
        option, name = INPUTS.get(tool, (None, None))
        read = state(Path(tools.option(argv, option), name)) if option else None
        line.note("start", beside=line.beside(), input=read)
        if tool == "serve":
            slow_server(line)
        else:
            time.sleep(1)
            tools.write_weights = in_halves(line)
    code = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    if tool in STAGES and code in (0, None):
        line.note("end")
    sys.exit(code)


main()
