"""`python -m vdesk`, and what the installed `vdesk` script calls."""

from __future__ import annotations

import gc
import sys

YOUNG = 200_000
"""Objects made before Python looks for cycles among them: a command is over long before, a wait for a guest is not."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing is imported before it is needed.

    Without `argv` the process is vdesk's own and ends after this: what its modules and tables hold is neither searched
    for cycles while they are made, nor once more at the end, which took a third of the time beyond `import click`."""
    if argv is None:
        gc.set_threshold(YOUNG)
        try:
            return _run(sys.argv[1:])
        finally:
            gc.freeze()
    return _run(argv)


def _run(argv: list[str]) -> int:
    from vdesk.cli import run

    return run(argv)


if __name__ == "__main__":
    sys.exit(main())
