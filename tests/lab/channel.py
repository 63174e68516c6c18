"""Talking to a QEMU that may die meanwhile: its monitor and the command channel to the machine inside."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EmulatorBroke, LabError

CHUNK = 1 << 20
Message = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """How a command inside ended; `seconds` as measured inside, rc 124 when its time was over."""

    command: str
    rc: int
    out: str
    err: str
    seconds: float

    def check(self) -> Reply:
        """Return the reply itself, or raise LabError when the command failed."""
        if self.rc:
            raise LabError(f"{self.command!r} exited {self.rc}\n{self.out}{self.err}")
        return self


class Channel:
    """One JSON document per line over a UNIX socket of QEMU."""

    def __init__(self, path: Path, qemu: subprocess.Popen[bytes]) -> None:
        self.qemu, self.pending = qemu, b""
        self.socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                if time.monotonic() > deadline or qemu.poll() is not None:
                    raise LabError(f"QEMU did not open {path.name} (exit status {qemu.poll()})") from None
                time.sleep(0.05)
        self.socket.settimeout(1)

    def close(self) -> None:
        """Let go of the socket; QEMU may be gone already."""
        self.socket.close()

    def send(self, message: Message) -> None:
        """Write one document; LabError when QEMU is gone or does not read."""
        self.socket.settimeout(60)
        try:
            self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError as problem:
            raise LabError(f"QEMU does not take commands: {problem} (exit status {self.qemu.poll()})") from None
        self.socket.settimeout(1)

    def receive(
        self, timeout: float, wanted: Callable[[Message], bool], broke: Callable[[], bool] = lambda: False
    ) -> Message:
        """Return the first document that is wanted, dropping the others; LabError after `timeout` seconds, or
        EmulatorBroke when `broke`, asked once a second, says so."""
        deadline = time.monotonic() + timeout
        while True:
            while b"\n" in self.pending:
                line, self.pending = self.pending.split(b"\n", 1)
                message = parsed(line)
                if message is not None and wanted(message):
                    return message
            if time.monotonic() > deadline:
                raise LabError(f"no answer within {timeout:.0f} s")
            self.pending += self._more()
            if not self.pending and broke():
                raise EmulatorBroke("the emulation failed while the kernel booted")

    def _more(self) -> bytes:
        try:
            data = self.socket.recv(CHUNK)
        except TimeoutError:
            return b""
        except OSError:
            data = b""
        if not data:
            raise LabError(f"QEMU is gone (exit status {self.qemu.poll()})")
        return data


def parsed(line: bytes) -> Message | None:
    """Return the document on a line; None for half a line, from before a reset."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


class Agent:
    """The command channel to the program guest/lab_agent.py inside."""

    def __init__(self, path: Path, qemu: subprocess.Popen[bytes]) -> None:
        self.channel, self.number, self.boot = Channel(path, qemu), int(time.time() * 1000), ""

    def wait_boot(self, timeout: float = 900, broke: Callable[[], bool] = lambda: False) -> None:
        """Until a boot other than the last one seen says hello."""
        hello = self.channel.receive(timeout, lambda message: message.get("hello", self.boot) != self.boot, broke)
        self.boot = hello["hello"]

    def post(self, command: str) -> None:
        """Start a command whose answer nobody waits for."""
        self._send({"op": "run", "cmd": command})

    def ask(self, request: Message, timeout: float) -> Message:
        """Return the answer to a request; LabError when the program inside could not do it."""
        number = self._send(request)
        answer = self.channel.receive(timeout, lambda message: message.get("id") == number)
        if "error" in answer:
            raise LabError(f"inside the machine: {answer['error']}")
        self.boot = answer["boot"]
        return answer

    def run(self, command: str, timeout: float, **more: Any) -> Reply:
        """Run a bash command inside; it is killed after `timeout` seconds, and a machine that hangs is a LabError."""
        answer = self.ask({"op": "run", "cmd": command, "timeout": timeout, **more}, timeout + 60)
        out, err = (base64.b64decode(answer[key]).decode(errors="replace") for key in ("out", "err"))
        return Reply(command, answer["rc"], out, err, answer["seconds"])

    def put(self, data: bytes, remote: str, mode: int) -> None:
        """Write a file inside."""
        for start in range(0, max(len(data), 1), CHUNK):
            part = base64.b64encode(data[start : start + CHUNK]).decode()
            self.ask({"op": "put", "path": remote, "mode": mode, "append": start > 0, "data": part}, 120)

    def get(self, remote: str) -> bytes:
        """Return the content of a file inside."""
        data = b""
        while True:
            answer = self.ask({"op": "get", "path": remote, "offset": len(data), "size": CHUNK}, 120)
            part = base64.b64decode(answer["data"])
            data += part
            if len(part) < CHUNK:
                return data

    def _send(self, request: Message) -> int:
        self.number += 1
        self.channel.send(request | {"id": self.number})
        return self.number


class Monitor:
    """QEMU's own monitor (QMP)."""

    def __init__(self, path: Path, qemu: subprocess.Popen[bytes]) -> None:
        self.channel = Channel(path, qemu)
        self.channel.receive(180, lambda message: "QMP" in message)  # a machine that wakes answers when it is awake
        self.command("qmp_capabilities")

    def command(self, name: str, **arguments: Any) -> Any:
        """Return what a QMP command returns; LabError with QEMU's words when it fails."""
        self.channel.send({"execute": name, "arguments": arguments})
        answer = self.channel.receive(180, lambda message: "return" in message or "error" in message)
        if "error" in answer:
            raise LabError(f"QEMU: {name}: {answer['error']['desc']}")
        return answer["return"]

    def human(self, line: str) -> str:
        """Return the text of a command of the human monitor; its errors are text as well."""
        return str(self.command("human-monitor-command", **{"command-line": line}))
