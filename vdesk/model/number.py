"""Numbers in files that anybody may have written."""

from __future__ import annotations

DIGITS = 18


def is_number(text: str) -> bool:
    """Whether `int(text)` is safe: ASCII digits only (`str.isdigit` takes `²` too), and few enough for 64 bits."""
    return text.isascii() and text.isdigit() and len(text) <= DIGITS
