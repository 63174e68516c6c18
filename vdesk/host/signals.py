"""Signals: an end asked for politely is an interrupt, and the way back is not disturbed by one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def treat_as_interrupts() -> None:
    """SIGTERM and SIGHUP (a closed terminal) unwind like Ctrl-C, so that what was changed is put back."""
    for number in ASKED[1:]:
        signal.signal(number, _interrupt)


@contextmanager
def whole() -> Iterator[None]:
    """An interrupt that comes inside counts when the block has ended. Unlike `undisturbed`, what is started inside does
    not inherit that; in another thread than the first, which gets no signals, nothing is done."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in ASKED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    for each in came:
        os.kill(os.getpid(), each)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold interrupts back until the block has ended."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, ASKED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


@contextmanager
def to_the_end(said: Callable[[str], None], what: str) -> Iterator[None]:
    """Let the program in the block come to its end first, and be interrupted after it: a package manager that is
    stopped half-way leaves what it cannot mend. Unlike a blocked signal, this is not passed on to the program."""
    seen: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if not seen:
            said(f"interrupted: {what}, then what was done is taken back")
        seen.append(number)

    before = {number: signal.signal(number, remember) for number in ASKED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if seen:
        raise KeyboardInterrupt
