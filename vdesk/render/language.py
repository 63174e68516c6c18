"""Which language people are spoken to in. English is the language of the code and costs nothing here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vdesk.render.translation import Catalogue

LANGUAGES = ("es",)
"""Those with a catalogue in vdesk/locale, beside English."""


def chosen(environment: Mapping[str, str]) -> str:
    """The language asked for by LANGUAGE, LC_ALL, LC_MESSAGES or LANG that there is a catalogue of; empty for English.

    As GNU gettext has it: the first of the last three that is set is the locale; in the locale C or POSIX all is in
    English; else LANGUAGE, a list in the order of preference, decides before the locale does."""
    locale = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    if locale in ("C", "POSIX"):
        return ""
    for name in (*environment.get("LANGUAGE", "").split(":"), locale):
        short = name.replace(".", "_").replace("@", "_").split("_")[0]
        if short in LANGUAGES:
            return short
        if short == "en":
            return ""
    return ""


def folder() -> str:
    """Where the catalogues lie: LANGUAGE/LC_MESSAGES/vdesk.mo."""
    import vdesk

    return f"{vdesk.__path__[0]}/locale"


@cache
def catalogue(language: str) -> Catalogue | None:
    """The catalogue of a language, read when it is first needed; None for English, and where the file is missing."""
    if not language:
        return None
    from vdesk.render.translation import load

    try:
        return load(folder(), language)
    except OSError:
        return None


def speaker(language: str) -> Callable[[str], str]:
    """The function that puts a text of vdesk's into the language."""
    found = catalogue(language)
    return str if found is None else found.say
