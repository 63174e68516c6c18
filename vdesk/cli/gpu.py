"""`vdesk gpu`: the graphics cards, the mode of the next boot, a card's ROM."""

from __future__ import annotations

import click

from vdesk.cli import completing
from vdesk.cli.options import SubGroup, changing, command, settings_of
from vdesk.model.address import parse_address
from vdesk.model.report import Report

COMMANDS = {
    "list": ("vdesk.cli.gpu:list_", "every graphics card: driver, display, who holds it, ROM, reset"),
    "query": ("vdesk.cli.gpu:query", "the mode that prime-select has chosen for the next boot"),
    "select": ("vdesk.cli.gpu:select", "choose the mode: intel, nvidia or on-demand"),
    "rom": ("vdesk.cli.gpu:rom", "read, check and save a card's ROM"),
}


@click.group("gpu", cls=SubGroup, lazy=COMMANDS)
def gpu() -> None:
    """The graphics cards: what has them, which of them the desktop uses, and their ROMs."""


@command("list")
@click.pass_context
def list_(ctx: click.Context) -> Report:
    """Every graphics card: its driver and group, whether the desktop is on it, who holds it open, ROM and reset."""
    from vdesk.plans.gpu import listing

    return listing(settings_of(ctx).host())


@command("query")
@click.pass_context
def query(ctx: click.Context) -> Report:
    """The mode that prime-select has chosen. It counts from the next boot on; what is so now is in: vdesk gpu list."""
    from vdesk.plans.gpu import query as asked

    return asked(settings_of(ctx).host())


@command("select")
@click.argument("mode", type=click.Choice(["intel", "nvidia", "on-demand"]))
@click.option("--restart-display", is_flag=True, help="Restart the display manager: the graphical session ends.")
@click.pass_context
def select(ctx: click.Context, mode: str, restart_display: bool) -> Report:
    """Choose, through Ubuntu's prime-select, which card the desktop uses; `intel` means an AMD iGPU too.

    It counts from the next boot on. Nothing is restarted unless asked for."""
    from vdesk.plans import gpu as plans

    return changing(ctx, lambda host: plans.select(host, mode, restart_display))


@command("rom")
@click.argument("address", metavar="ADDR", shell_complete=completing.cards)
@click.option("-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, resolve_path=True), help="Save it.")
@click.pass_context
def rom(ctx: click.Context, address: str, output: str | None) -> Report:
    """Read a card's ROM, check it, say whether it shows a picture under UEFI (GOP), and save it; never over a file."""
    from vdesk.plans.gpu_rom import rom as read

    settings = settings_of(ctx)
    return read(settings.host(), parse_address(address), output, dry_run=bool(settings.given.get("dry_run")))
