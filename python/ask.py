"""Serves a model with serve.py and asks it prepared questions: the eval of a script that `phasebox plan --sh` made.

usage: python ask.py --model DIR [--adapter-path DIR] --questions FILE --out answers.jsonl --log FILE

FILE holds {"seed", "timeout_s", "retries", "sampled", "questions": [{"prompt", "repeat", "max_tokens", "body"}]}. Each
answer becomes a line of answers.jsonl as `phasebox score` reads it. Exit code 1: the server died, or it cannot be proven
that it was our own process that answered.
"""

import argparse
import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

READY_SECONDS = 900


def arguments():
    parser = argparse.ArgumentParser(description="Serve a model and ask it prepared questions.")
    for name in ("model", "questions", "out", "log"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--adapter-path")
    return parser.parse_args()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(args, port, hub):
    """Our own server as a child. Its Hub cache is empty, since it would load any model there by the name it is sent."""
    argv = [sys.executable, str(Path(__file__).with_name("serve.py")), "--model", args.model]
    argv += ["--adapter-path", args.adapter_path] if args.adapter_path else []
    argv += ["--host", "127.0.0.1", "--port", str(port)]
    env = {**os.environ, "HF_HUB_CACHE": hub, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    with open(args.log, "wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env)


def is_ours(url, log):
    """The server logs every request: a name that exists nowhere else in our child's log proves who answered."""
    nonce = secrets.token_hex(16)
    try:
        urllib.request.urlopen(f"{url}/health", timeout=5).close()
        urllib.request.urlopen(f"{url}/{nonce}", timeout=5).close()
    except urllib.error.HTTPError:
        pass  # 404 is what a page that does not exist gives
    except OSError:
        return False
    return nonce in Path(log).read_text(errors="replace")


def wait_ready(server, url, log):
    end = time.monotonic() + READY_SECONDS
    while not is_ours(url, log):
        if server.poll() is not None:
            raise SystemExit(f"the model server ended with code {server.returncode}; read {log}")
        if time.monotonic() > end:
            raise SystemExit(f"no answer from our own model server in {READY_SECONDS} s; read {log}")
        time.sleep(0.1)


def answer_seed(seed, prompt, repeat):
    """The seed of a sampled answer, as phasebox's own eval takes it."""
    text = json.dumps([seed, prompt, repeat], separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def post(url, body, timeout):
    """(response, error) of one try; response and error null: try again."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return json.load(reply), None
    except urllib.error.HTTPError as error:
        if error.code != 400:
            raise
        return None, f"HTTP 400: {error.read().decode(errors='replace')[:200]}"
    except (TimeoutError, ConnectionError, urllib.error.URLError):
        return None, None


def ask(server, url, plan, question):
    body = dict(question["body"])
    if plan["sampled"]:
        body["seed"] = answer_seed(plan["seed"], question["prompt"], question["repeat"])
    for attempt in range(plan["retries"] + 1):
        begun = time.monotonic()
        response, error = post(f"{url}/v1/chat/completions", body, plan["timeout_s"])
        seconds = time.monotonic() - begun
        if server.poll() is not None:
            raise SystemExit(f"the model server ended with code {server.returncode} while it was asked")
        if response is not None or error is not None or attempt == plan["retries"]:
            break
    if response is not None and response.get("model") != body["model"]:
        raise SystemExit(f"asked {body['model']}, but {response.get('model')} answered")
    error = error if response is not None or error is not None else "TIMEOUT"
    place = {"prompt": question["prompt"], "repeat": question["repeat"]}
    rest = {"error": error, "seconds": seconds, "attempt": 1, "max_tokens": question["max_tokens"]}
    return {**place, "response": response, **rest}


def main():
    args = arguments()
    plan = json.loads(Path(args.questions).read_text())
    url_port = free_port()
    url = f"http://127.0.0.1:{url_port}"
    with tempfile.TemporaryDirectory(prefix="phasebox-hub-") as hub:
        server = start(args, url_port, hub)
        try:
            wait_ready(server, url, args.log)
            with open(args.out, "w") as out:
                for question in plan["questions"]:
                    line = json.dumps(ask(server, url, plan, question))
                    print(line, file=out, flush=True)
        finally:
            server.terminate()
            server.wait()
    print(f"{len(plan['questions'])} answers in {args.out}")


if __name__ == "__main__":
    main()
