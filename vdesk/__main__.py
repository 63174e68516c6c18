"""`python -m vdesk`, and what the installed `vdesk` script calls."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code; nothing is imported before it is needed."""
    from vdesk.cli import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
