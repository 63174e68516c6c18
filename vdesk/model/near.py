"""Did you mean: the names that look most like one that is not there."""

from __future__ import annotations

from collections.abc import Iterable

LIKE = 0.6
MOST = 3


def did_you_mean(word: str, known: Iterable[str], like: float = LIKE) -> str:
    """`did you mean hoth? `, to stand before a remedy; empty where nothing is near (difflib's ratio below `like`).
    Upper and lower case count as the same."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in known if name.isprintable()}
    near = [names[each] for each in get_close_matches(word.lower(), names, MOST, like)]
    return f"did you mean {' or '.join(near)}? " if near else ""
