"""Becoming root, and the end of a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO


def is_root() -> bool:
    """Whether this process is root."""
    return os.geteuid() == 0


# What sudo, a program that asks for the password, and a terminal need. The rest does not reach root, whatever sudoers
# says: nothing of PYTHON*, LD_*, PATH, IFS, nor what another library or shell listens to.
PASSED = (
    *("HOME", "USER", "LOGNAME", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "LANG", "LANGUAGE", "TZ"),
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "SUDO_ASKPASS"),
)


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that root may see, with the system's own PATH."""
    from vdesk.host.runner import SYSTEM_PATH

    kept = {name: text for name, text in environment.items() if name in PASSED or name.startswith("LC_")}
    return {**kept, "PATH": ":".join(SYSTEM_PATH)}


def typed_after_sudo() -> str:
    """How a person names this program after `sudo`: by its path where sudo does not look, as in a home. It looks in the
    system's own folders (secure_path of sudoers(5))."""
    from vdesk.host.runner import SYSTEM_PATH

    script = os.path.abspath(sys.argv[0])
    real = os.path.realpath(script)
    found = any(os.path.realpath(f"{folder}/vdesk") == real for folder in SYSTEM_PATH)
    return script if os.path.basename(script) == "vdesk" and os.access(script, os.X_OK) and not found else "vdesk"


def run_with_sudo(argv: list[str]) -> None:
    """Replace this process by `sudo vdesk ARGV`; returns only where there is no sudo.

    The very program that runs now is run again, by its absolute path, in an environment without what could change its
    code; -P keeps the current folder out of root's imports."""
    from shutil import which

    script = os.path.abspath(sys.argv[0])
    own = os.path.basename(script) == "vdesk" and os.access(script, os.X_OK)
    again = [script] if own else [sys.executable, "-P", "-m", "vdesk"]
    sys.stdout.flush()
    sys.stderr.flush()
    sudo = which("sudo")
    try:
        if sudo:
            os.execve(sudo, ["sudo", "--", *again, *argv], scrubbed(os.environ))
    except OSError:
        return


def discard_output(stream: TextIO) -> None:
    """Point stdout or stderr at nothing, so that the interpreter's flush at exit does not fail."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def have_streams() -> None:
    """Where vdesk was started with one of its three streams closed: it leads to nothing, and no file that is opened
    takes its number."""
    if sys.stdin and sys.stdout and sys.stderr:
        return
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
