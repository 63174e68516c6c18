"""The program's two jobs, by the units that run it: `decide` early, `prove` late."""

from __future__ import annotations

import os
import sys

from ..libvirt_hook.machine import Machine
from .deciding import decide, say
from .proving import prove


def main(words: list[str]) -> int:
    """Run a job: `decide` or `prove`, with `--root DIR` for another machine's files. 1 with a line on failure."""
    root = "/"
    if words[:1] == ["--root"] and len(words) > 1:
        root, words = words[1], words[2:]
    jobs = {"decide": decide, "prove": prove}
    if len(words) != 1 or words[0] not in jobs:
        say("usage: boot [--root DIR] decide|prove")
        return 2
    os.umask(0o022)
    try:
        jobs[words[0]](Machine(root))
    except Exception as error:  # the unit fails, and the one for that lets everything go
        say(f"{words[0]}: {type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
