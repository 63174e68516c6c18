"""The language of the command line itself: help texts, click's own words, and the answer to a question."""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterable
from typing import Any

import click

from vdesk import __version__
from vdesk.render import printable, spell_all
from vdesk.render.language import catalogue, folder, speaker

GLUE = "\ue000"  # for private use: stands for a hyphen while click wraps, which would cut a name at it


def wrapped(text: str, width: int, first: str = "", later: str = "") -> str:
    """A paragraph in lines of that width, cut between words only."""
    return click.wrap_text(text.replace("-", GLUE), width, first, later).replace(GLUE, "-")


class Formatter(click.HelpFormatter):
    """Writes a help text in a language; the texts themselves stand in English at the commands. No word is cut."""

    language = ""

    def _words(self, text: str) -> str:
        return speaker(self.language)(text)

    def write(self, string: str) -> None:
        """Text as it is to be read."""
        super().write(string.replace(GLUE, "-"))

    def write_heading(self, heading: str) -> None:
        """A heading."""
        super().write_heading(self._words(heading))

    def write_text(self, text: str) -> None:
        """Paragraphs; each is looked up as one line, as the catalogue has it."""
        if self.language:
            text = "\n\n".join(self._words(" ".join(each.split())) for each in text.split("\n\n"))
        super().write_text(text.replace("-", GLUE))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, each with what it does."""
        super().write_dl([(name, self._words(text).replace("-", GLUE)) for name, text in rows], col_max, col_spacing)


class Context(click.Context):
    """A context whose help is in the language of its settings."""

    formatter_class = Formatter

    def make_formatter(self) -> click.HelpFormatter:
        """A formatter for the help of this context."""
        found = super().make_formatter()
        if isinstance(found, Formatter):
            found.language = getattr(self.obj, "language", "")
        return found


class Unwritten(Exception):
    """stdout takes nothing more."""


def tell(ctx: click.Context, text: str) -> None:
    """Write to stdout; Unwritten where that fails, BrokenPipeError where the reader has gone."""
    try:
        click.echo(text, color=ctx.color)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unwritten(str(error)) from error


def say(text: str, *, err: bool = True, **style: Any) -> None:
    """Words for a person, in click's style. Names of files and devices, and what other programs print, are among them:
    nothing of it reaches the terminal as a command. A document goes out by click.echo, as it is."""
    text = printable(text)
    if not text.isascii():
        spell_all()
    click.echo(click.style(text, **style) if style else text, err=err)


def asked(question: str, default: str | None = None, **more: Any) -> str:
    """The line that a person answers with on the terminal; for an empty one the default, shown in brackets."""
    shown = question if default is None else f"{question} [{default}]"
    return str(click.prompt(printable(shown), default=default, show_default=False, err=True, **more))


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        tell(ctx, ctx.get_help())
        ctx.exit()


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        tell(ctx, f"vdesk {__version__}")
        ctx.exit()


def _telling(names: tuple[str, ...], show: Callable[..., None], about: str) -> click.Option:
    return click.Option(names, is_flag=True, is_eager=True, expose_value=False, callback=show, help=about)


# click's own look for a translation of their help in the system's folders, at each start.
VERSION = _telling(("--version",), _show_version, "Show the version and exit.")
HELP = _telling(("-h", "--help"), _show_help, "Show this message and exit.")


class Helpful(click.Command):
    """Has the one help option that all share."""

    context_class = Context

    def get_help_option(self, ctx: click.Context) -> click.Option:
        """The option, which click puts after a command's own."""
        return HELP


def speak(language: str) -> None:
    """Have click say its own words, which it asks gettext for, in a language; empty: as it does by itself."""
    if language:
        spell_all()
        gettext.bindtextdomain("vdesk", folder())
    gettext.textdomain("vdesk" if language else "messages")


def confirmed(question: str, language: str, default: bool = False) -> bool:
    """Whether the answer to a question is yes, the default for an empty line. In every language y and n count too;
    anything else is asked again."""
    found = catalogue(language)
    if found is None:
        return click.confirm(printable(question), default=default, err=True)
    while True:
        words = f"{found.say(question)} {found.label('[Y/n]' if default else '[y/N]')}"
        answer = click.prompt(words, default="", show_default=False, err=True)
        meant = says_yes(answer, language) if answer.strip() else default
        if meant is not None:
            return meant
        say(found.say("Error: invalid input"))


def says_yes(answer: str, language: str) -> bool | None:
    """Whether a word is yes or no, in the language or in English; None for any other."""
    found = catalogue(language)
    word = answer.strip().lower()
    if word in {"y", "yes", *(found.label("y yes").split() if found else ())}:
        return True
    return False if word in ("n", "no") else None
