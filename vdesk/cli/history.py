"""`vdesk history` and `vdesk undo`."""

from __future__ import annotations

import click

from vdesk.cli import completing
from vdesk.cli.options import command, settings_of
from vdesk.model.report import Report

KEPT = ("vms", "iommu", "gpu", "hook", "bind", "install")


@command("history")
@click.pass_context
def history(ctx: click.Context) -> Report:
    """Every change that vdesk made, and whether it is still in force."""
    from vdesk.changes.undoing import history as read_history

    return read_history(settings_of(ctx).host())


@command("undo")
@click.argument(
    "entry", metavar="[ID]", type=click.IntRange(1), required=False, shell_complete=completing.undoable
)
@click.option("--all", "everything", is_flag=True, help="Every change that is still in force, newest first.")
@click.option(
    "--keep",
    type=click.Choice(KEPT),
    multiple=True,
    help="With --all: leave what that command did; vms: the virtual machines and their disks.",
)
@click.pass_context
def undo(ctx: click.Context, entry: int | None, everything: bool, keep: tuple[str, ...]) -> Report:
    """Take changes back: the last one, the one with this ID, or all.

    A file that somebody changed since keeps their bytes; that is said, and the rest is taken back (exit code 5)."""
    from vdesk.changes.undoing import undo as take_back
    from vdesk.host.signals import treat_as_interrupts

    treat_as_interrupts()
    if entry is not None and everything:
        raise click.UsageError("either an ID or --all, not both", ctx)
    if keep and not everything:
        raise click.UsageError("--keep goes with --all", ctx)
    settings = settings_of(ctx)
    return take_back(settings.host(), entry, everything, settings.mode(), keep)
