"""`./dev messages [LANGUAGE...]`: bring the catalogues up to date with the code, or begin one; say what is missing."""

from __future__ import annotations

import sys

from tests.messages.catalogues import missing, template, update
from vdesk.render.language import LANGUAGES


def main() -> int:
    """1 while something is left to translate, after each of it on a line."""
    current = template()
    left = 0
    for language in sys.argv[1:] or LANGUAGES:
        open_ = missing(update(language, current))
        left += len(open_)
        for text in open_:
            print(text)
        print(f"{language}: {len(current) - len(open_)} of {len(current)} messages are translated")
    return int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
