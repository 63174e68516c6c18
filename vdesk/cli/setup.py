"""`vdesk setup`: the guided way from a bare host to a defined virtual machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from vdesk.cli import completing
from vdesk.cli.connecting import CONNECT
from vdesk.cli.options import Settings, after_recovery, command, settings_of
from vdesk.cli.spoken import asked, confirmed, say, says_yes, wrapped
from vdesk.model.report import Report

BOOT = "Take the card at every boot, or only while the machine runs; unless given: at every boot where amdgpu has it."

if TYPE_CHECKING:
    from vdesk.changes.executor import Mode
    from vdesk.host import Host

Words = ParamSpec("Words")
Answer = TypeVar("Answer")


def _heard(ask: Callable[Words, Answer]) -> Callable[Words, Answer]:
    """The question; Ctrl-C at it is an interrupt of the command, which says what was done before."""

    def waiting(*args: Words.args, **more: Words.kwargs) -> Answer:
        try:
            return ask(*args, **more)
        except click.Abort:
            say("")  # off the question's line
            raise KeyboardInterrupt from None

    return waiting


class _Terminal:
    """The person at the terminal, in their language."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.hinted = settings, False

    def say(self, text: str) -> None:
        """Tell one paragraph, wrapped; the number of a step is no part of the sentence."""
        indent = " " * (len(text) - len(text.lstrip()))
        number, _, sentence = text.strip().partition("] ") if text.startswith("[") else ("", "", text.strip())
        said = f"{number}] " * bool(number) + self.settings.words(sentence)
        width = click.HelpFormatter().width  # what the terminal has, no more than 80
        say(wrapped(said, width, indent, indent + "  "))

    def text(self, question: str, default: str) -> str:
        """A line; the default for an empty one, which is said once."""
        if not self.hinted:
            self.say("Enter takes what stands in brackets.")
            self.hinted = True
        return _heard(asked)(self.settings.words(question), default)

    def yes(self, question: str, default: bool = False) -> bool:
        """Yes or no; the default for an empty line."""
        return _heard(confirmed)(question, self.settings.language, default)

    def meant(self, answer: str) -> bool | None:
        """Whether a line is a yes or a no; None for anything else."""
        return says_yes(answer, self.settings.language)


@command("setup")
@click.option(
    "--gpu",
    metavar="ADDR|none",
    shell_complete=completing.cards_or_without,
    help="The card; else the one that the desktop does not use.",
)
@click.option("--single-gpu", is_flag=True, help="Give away the only card: the desktop ends while the machine runs.")
@click.option("--boot/--no-boot", default=None, help=BOOT)
@click.option("--iso", metavar="FILE", shell_complete=completing.files, help="The installation disc.")
@click.option(
    "--virtio-iso",
    metavar="FILE|none",
    shell_complete=completing.files,
    help="The disc with the VirtIO drivers for Windows.",
)
@click.option("--name", metavar="NAME", help="What the machine is called; else after its system.")
@click.option("--os", type=click.Choice(["win10", "win11", "linux"]), help="The guest; else the disc tells.")
@click.option("--cpus", metavar="N", type=click.IntRange(1), help="vCPUs; else the physical cores but two.")
@click.option("--memory", metavar="SIZE", help="For example 16GiB; else half of the host's, 4 to 16 GiB.")
@click.option(
    "--disk",
    metavar="SIZE|PATH",
    shell_complete=completing.files,
    help="A new disk's size, or an existing one; else 64GiB.",
)
@completing.FORCE
@click.option("--igfx-off", is_flag=True, help="Leave the integrated graphics outside the IOMMU.")
@click.option("--pt", is_flag=True, help="Also iommu=pt: host devices are not translated.")
@click.option("--reboot/--no-reboot", default=None, help="Reboot where it is needed; --yes alone does not.")
@click.option("--again", is_flag=True, help="Choose all anew: what was chosen in earlier runs does not count.")
@CONNECT
@click.pass_context
def setup(ctx: click.Context, /, gpu: str | None, again: bool, connect: str | None, **words: Any) -> Report:
    """Go the whole way, step by step: packages, firmware, kernel argument, reboot, card, hook, discs, machine.

    Each step shows its plan and asks; what is done already is only told. Run it again after the reboot, or whenever:
    it goes on where it stopped. With --yes nobody is asked, and what to choose is said by the options."""
    from vdesk.changes.choices import WITHOUT, Choices
    from vdesk.checks import off_switches
    from vdesk.model.address import parse_address
    from vdesk.plans.setup import setup as go

    card = gpu if gpu in (None, WITHOUT) else str(parse_address(gpu or ""))
    settings = settings_of(ctx)
    chosen = Choices(gpu=card, **words)

    def work(host: Host, mode: Mode) -> Report:
        if mode.ask is not None:
            mode.ask = _heard(mode.ask)
        return go(host, chosen, mode, _talk(settings), off_switches, connect, again=again)

    return after_recovery(ctx, work)


def _talk(settings: Settings) -> _Terminal | None:
    given = settings.given
    alone = not settings.terminal or settings.json or given.get("yes") or given.get("dry_run")
    return None if alone else _Terminal(settings)
