"""Collecting the output of a child: both streams at once, line by line for progress, and a time limit."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from selectors import EVENT_READ, DefaultSelector

from vdesk.model.errors import TimedOut

OUTPUT_LIMIT = 32 << 20
END_SECONDS = 3.0


def collect(
    child: subprocess.Popen[bytes], argv: tuple[str, ...], timeout: float, on_line: Callable[[str], None] | None
) -> tuple[str, str]:
    """stdout and stderr of the child when it has ended; its process group is ended on a time-out or an interrupt."""
    buffers: dict[int, bytearray] = {}
    try:
        _pump(child, buffers, time.monotonic() + timeout, on_line)
        child.wait(max(0.1, timeout))
    except (TimeoutError, subprocess.TimeoutExpired):
        end(child)
        raise TimedOut(argv[0], f"no end within {timeout:.0f} s", f"{' '.join(argv)} did not end") from None
    except BaseException:
        end(child)
        raise
    finally:
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()
    out, err = (bytes(each).decode(errors="replace") for each in (buffers[0], buffers[1]))
    return out, err


def _pump(
    child: subprocess.Popen[bytes],
    buffers: dict[int, bytearray],
    deadline: float,
    on_line: Callable[[str], None] | None,
) -> None:
    with DefaultSelector() as selector:
        for number, stream in enumerate((child.stdout, child.stderr)):
            buffers[number] = bytearray()
            if stream is not None:
                selector.register(stream, EVENT_READ, number)
        partial = {0: b"", 1: b""}
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, 1 << 16)
                if not chunk:
                    selector.unregister(key.fileobj)
                    continue
                if len(buffers[key.data]) < OUTPUT_LIMIT:
                    buffers[key.data] += chunk
                if on_line:
                    partial[key.data] = _lines(partial[key.data] + chunk, on_line)


def _lines(text: bytes, on_line: Callable[[str], None]) -> bytes:
    *whole, rest = text.split(b"\n")
    for line in whole:
        on_line(line.decode(errors="replace").rstrip("\r"))
    return rest


def end(child: subprocess.Popen[bytes]) -> None:
    """End its process group: politely, then for good; until the last of it is gone, which could still write."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        if _gone(child):
            return
    child.poll()


def _gone(child: subprocess.Popen[bytes]) -> bool:
    """Whether nobody of the group is left after a moment."""
    limit = time.monotonic() + END_SECONDS
    while time.monotonic() < limit:
        child.poll()
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.005)
    return False
