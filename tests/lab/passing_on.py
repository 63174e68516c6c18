"""A UNIX socket that passes commands on to a lab machine: for programs that are not the test, one after the other."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import LabError
from .machine import Machine

SECONDS = 600
SHUTDOWN = "shutdown -r"


class PassingOn(socketserver.UnixStreamServer):
    """Serves one request at a time: the machine has one channel."""

    def __init__(self, path: Path, machine: Machine) -> None:
        super().__init__(str(path), _Request)
        self.machine = machine
        self.reboots = 0

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one command; one that reboots is answered when the machine is back."""
        if SHUTDOWN not in request["cmd"]:
            return self.machine.agent.ask({"op": "run", "timeout": SECONDS, **request}, SECONDS + 60)
        self.reboots += 1
        self.machine.reboot()
        return {"rc": 0, "out": "", "err": ""}


class _Request(socketserver.StreamRequestHandler):
    server: PassingOn

    def handle(self) -> None:
        try:
            answer = self.server.answer(json.loads(self.rfile.readline()))
        except LabError as problem:
            answer = {"problem": str(problem)}
        self.wfile.write(json.dumps(answer).encode() + b"\n")


@contextmanager
def passed_on(machine: Machine, path: Path) -> Iterator[PassingOn]:
    """Hold a socket for the machine while the block runs."""
    with PassingOn(path, machine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
