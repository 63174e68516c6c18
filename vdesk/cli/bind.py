"""`vdesk bind` and `vdesk unbind`: devices to vfio-pci and back, now and at boot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from vdesk.cli import completing
from vdesk.cli.options import changing, command, settings_of
from vdesk.model.address import parse_address
from vdesk.model.report import Report

if TYPE_CHECKING:
    from vdesk.changes.journal import Entry
    from vdesk.host import Host


@command("bind")
@click.argument("addresses", metavar="ADDR...", nargs=-1, shell_complete=completing.movable)
@click.option("--boot", is_flag=True, help="At every boot too, by address and identity.")
@click.option("--list", "listing", is_flag=True, help="Show what is bound at boot, and whether that has worked.")
@click.option("--only", is_flag=True, help="Just the functions named, not the rest of their slot and group.")
@completing.FORCE
@click.pass_context
def bind(
    ctx: click.Context, addresses: tuple[str, ...], boot: bool, listing: bool, only: bool, force: tuple[str, ...]
) -> Report:
    """Give devices to vfio-pci, now, with the other functions and group members that must go with them.

    With --boot at every boot too, before their own drivers. The first such boot is a trial: one that does not reach
    the desktop with a picture is followed by one without the binding. vdesk.off on the kernel command line leaves it
    out once.

    Safety rules refuse what this machine itself needs: host-display, root-disk, host-network, last-input, group,
    in-use,
    bridge, iommu-off. --force takes host-display, host-network, last-input and in-use."""
    if listing:
        return _list(ctx, bool(addresses or boot or only or force))
    if not addresses:
        raise click.MissingParameter(
            ctx=ctx, param=next(each for each in ctx.command.params if each.name == "addresses")
        )
    wanted = [parse_address(text) for text in addresses]
    if boot:
        from vdesk.plans import boot_binding

        known = _entries(ctx)
        return changing(ctx, lambda host: boot_binding.bind(host, wanted, known(host), only=only, force=force))
    from vdesk.plans import bind as plans

    return changing(ctx, lambda host: plans.bind(host, wanted, only=only, force=force))


def _list(ctx: click.Context, more: bool) -> Report:
    from vdesk.plans.boot_list import show

    if more:
        raise click.UsageError("--list stands alone.", ctx)
    return show(settings_of(ctx).host())


def _entries(ctx: click.Context) -> Callable[[Host], list[Entry]]:
    """How the journal is read: a dry run needs no root."""
    from vdesk.changes.undoing import entries, readable_entries

    return readable_entries if settings_of(ctx).given.get("dry_run") else entries


@command("unbind")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True, shell_complete=completing.taken)
@click.option("--boot", is_flag=True, help="No longer at boot either.")
@click.pass_context
def unbind(ctx: click.Context, addresses: tuple[str, ...], boot: bool) -> Report:
    """Give devices back to the drivers they had, with what was taken together with them."""
    wanted = [parse_address(text) for text in addresses]
    known = _entries(ctx)
    if boot:
        from vdesk.plans.boot_binding import unbind as planner
    else:
        from vdesk.plans.giving_back import unbind_now as planner
    return changing(ctx, lambda host: planner(host, wanted, known(host)))
