#!/usr/bin/python3
"""The lab's command channel inside the machine: one JSON request per line on a virtio-serial port, one answer each."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

PORT = "/dev/virtio-ports/lab"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = {"PATH": PATHS, "HOME": "/root", "LANG": "C.UTF-8"}
Message = dict[str, Any]


def run(request: Message) -> Message:
    """Run a bash command, as another user when one is named, and kill it and its children when its time is over."""
    argv = ["bash", "-c", request["cmd"]]
    if request.get("user"):
        argv = ["runuser", "-u", request["user"], "--", *argv]
    begin = time.monotonic()
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, env=HOME | request.get("env", {}), cwd="/",
    )  # fmt: skip
    try:
        out, err = process.communicate(base64.b64decode(request.get("stdin", "")), timeout=request.get("timeout", 300))
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        code = 124
    said = {"out": base64.b64encode(out).decode(), "err": base64.b64encode(err).decode()}
    return {"rc": code, "seconds": time.monotonic() - begin} | said


def put(request: Message) -> Message:
    """Write, or add to, a file."""
    path = Path(request["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab" if request["append"] else "wb") as file:
        file.write(base64.b64decode(request["data"]))
    path.chmod(request["mode"])
    return {}


def get(request: Message) -> Message:
    """Read a piece of a file."""
    with open(request["path"], "rb") as file:
        file.seek(request["offset"])
        return {"data": base64.b64encode(file.read(request["size"])).decode()}


def answer(port: int, message: Message) -> None:
    """Write one line to the port."""
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(port, data) :]


def served(line: bytes) -> Message:
    """Return the answer to one line, whatever is on it."""
    number = None
    try:
        request = json.loads(line)
        number = request["id"]
        reply = {"run": run, "put": put, "get": get}[request["op"]](request)
    except Exception as problem:
        reply = {"error": f"{type(problem).__name__}: {problem}"}
    return reply | {"id": number, "boot": BOOT_ID}


def main() -> None:
    """Say hello, then serve for ever."""
    port = os.open(PORT, os.O_RDWR)
    answer(port, {"hello": BOOT_ID})
    pending = b""
    while True:
        chunk = os.read(port, 1 << 18)
        if not chunk:
            time.sleep(0.1)  # nobody has the other end open
            continue
        pending += chunk
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            if line.strip():
                answer(port, served(line))


if __name__ == "__main__":
    main()
