"""Becoming root, and the end of a pipe."""

from __future__ import annotations

import os
import sys


def is_root() -> bool:
    """Whether this process is root."""
    return os.geteuid() == 0


def run_with_sudo(argv: list[str]) -> None:
    """Replace this process by `sudo vdesk ARGV`; returns only where there is no sudo.

    The very program that runs now is run again, by its absolute path; -P keeps the current folder out of root's
    imports."""
    script = os.path.abspath(sys.argv[0])
    own = os.path.basename(script) == "vdesk" and os.access(script, os.X_OK)
    again = [script] if own else [sys.executable, "-P", "-m", "vdesk"]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp("sudo", ["sudo", "--", *again, *argv])
    except OSError:
        return


def discard_output() -> None:
    """Point stdout at nothing, so that the interpreter's flush at exit does not fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
