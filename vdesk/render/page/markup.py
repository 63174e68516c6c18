"""Elements of HTML and SVG: every text that goes into one is escaped, whoever wrote it."""

from __future__ import annotations

from html import escape


class Markup(str):
    """Text that is markup already."""


def text(value: object) -> Markup:
    """A text as markup; what a browser has no sign for (controls, halves of characters) as U+FFFD."""
    shown = "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in str(value))
    return Markup(escape(shown))


def tag(name: str, *inside: object, **attributes: object) -> Markup:
    """`<name ...>inside</name>`; an underscore at the end of an attribute is left out, others are hyphens. Attributes
    that are None are not there; classes may be a tuple."""
    given = {key: " ".join(value) if isinstance(value, tuple) else value for key, value in attributes.items()}
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"' for key, value in given.items() if value is not None
    )
    return Markup(f"<{name}{pairs}>{joined(*inside)}</{name}>")


def joined(*inside: object) -> Markup:
    """Markup as it is, everything else escaped."""
    return Markup("".join(each if isinstance(each, Markup) else text(each) for each in inside))
