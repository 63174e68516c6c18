"""`vdesk setup`: the guided way from a bare host to a defined virtual machine."""

from __future__ import annotations

from typing import Any

import click

from vdesk.cli.connecting import CONNECT
from vdesk.cli.options import Settings, after_recovery, command, settings_of
from vdesk.model.report import Report

BOOT = "Take the card at every boot, or only while the machine runs; unless given: at every boot where amdgpu has it."


class _Terminal:
    """The person at the terminal."""

    def say(self, text: str) -> None:
        """Tell one paragraph, wrapped."""
        indent = " " * (len(text) - len(text.lstrip()))
        width = click.HelpFormatter().width  # what the terminal has, no more than 80
        click.echo(click.wrap_text(text.strip(), width, indent, indent + "  "), err=True)

    def text(self, question: str, default: str) -> str:
        """A line; the default for an empty one."""
        return str(click.prompt(question, default=default, err=True))

    def yes(self, question: str, default: bool = False) -> bool:
        """Yes or no; the default for an empty line."""
        return click.confirm(question, default=default, err=True)


@command("setup")
@click.option("--gpu", metavar="ADDR|none", help="The card; else the one that the desktop does not use.")
@click.option("--single-gpu", is_flag=True, help="Give away the only card: the desktop ends while the machine runs.")
@click.option("--boot/--no-boot", default=None, help=BOOT)
@click.option("--iso", metavar="FILE", help="The installation disc.")
@click.option("--virtio-iso", metavar="FILE|none", help="The disc with the VirtIO drivers for Windows.")
@click.option("--name", metavar="NAME", help="What the machine is called; else after its system.")
@click.option("--os", type=click.Choice(["win10", "win11", "linux"]), help="The guest; else the disc tells.")
@click.option("--cpus", metavar="N", type=click.IntRange(1), help="vCPUs; else the physical cores but two.")
@click.option("--memory", metavar="SIZE", help="For example 16GiB; else half of the host's, 4 to 16 GiB.")
@click.option("--disk", metavar="SIZE|PATH", help="A new disk's size, or an existing one; else 64GiB.")
@click.option("--igfx-off", is_flag=True, help="Leave the integrated graphics outside the IOMMU.")
@click.option("--pt", is_flag=True, help="Also iommu=pt: host devices are not translated.")
@click.option("--reboot/--no-reboot", default=None, help="Reboot where it is needed; --yes alone does not.")
@CONNECT
@click.pass_context
def setup(ctx: click.Context, /, gpu: str | None, connect: str | None, **words: Any) -> Report:
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
    return after_recovery(ctx, lambda host, mode: go(host, chosen, mode, _talk(settings), off_switches, connect))


def _talk(settings: Settings) -> _Terminal | None:
    given = settings.given
    return None if not settings.terminal or settings.json or given.get("yes") or given.get("dry_run") else _Terminal()
