"""The language of the command line itself: help texts, click's own words, and the answer to a question."""

from __future__ import annotations

import gettext
from collections.abc import Callable, Iterable

import click

from vdesk import __version__
from vdesk.render import spell_all
from vdesk.render.language import catalogue, folder, speaker


class Formatter(click.HelpFormatter):
    """Writes a help text in a language; the texts themselves stand in English at the commands."""

    language = ""

    def _words(self, text: str) -> str:
        return speaker(self.language)(text)

    def write_heading(self, heading: str) -> None:
        """A heading."""
        super().write_heading(self._words(heading))

    def write_text(self, text: str) -> None:
        """Paragraphs; each is looked up as one line, as the catalogue has it."""
        if self.language:
            text = "\n\n".join(self._words(" ".join(each.split())) for each in text.split("\n\n"))
        super().write_text(text)

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Options or commands, each with what it does."""
        super().write_dl([(name, self._words(text)) for name, text in rows], col_max, col_spacing)


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


def confirmed(question: str, language: str) -> bool:
    """Whether the answer to a question is yes. In every language y and n count too; anything else is asked again."""
    found = catalogue(language)
    if found is None:
        return click.confirm(question, default=False, err=True)
    yes = {"y", "yes", *found.label("y yes").split()}
    while True:
        asked = f"{found.say(question)} {found.label('[y/N]')}"
        answer = click.prompt(asked, default="", show_default=False, err=True).strip().lower()
        if answer in yes or answer in ("", "n", "no"):
            return answer in yes
        click.echo(found.say("Error: invalid input"), err=True)
