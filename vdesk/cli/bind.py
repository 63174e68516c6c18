"""`vdesk bind` and `vdesk unbind`: devices to vfio-pci and back."""

from __future__ import annotations

import click

from vdesk.cli.options import changing, command, settings_of
from vdesk.model.address import parse_address
from vdesk.model.report import Report


@command("bind")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@click.option("--only", is_flag=True, help="Just the functions named, not the rest of their slot and group.")
@click.option("--force", metavar="RULE", multiple=True, help="Override exactly this safety rule.")
@click.pass_context
def bind(ctx: click.Context, addresses: tuple[str, ...], only: bool, force: tuple[str, ...]) -> Report:
    """Give devices to vfio-pci, now, with the other functions and group members that must go with them.

    Safety rules refuse what this machine itself needs: host-display, root-disk, host-network, last-input, group,
    in-use,
    bridge, iommu-off. --force takes host-display, host-network, last-input and in-use."""
    from vdesk.plans import bind as plans

    wanted = [parse_address(text) for text in addresses]
    return changing(ctx, lambda host: plans.bind(host, wanted, only=only, force=force))


@command("unbind")
@click.argument("addresses", metavar="ADDR...", nargs=-1, required=True)
@click.pass_context
def unbind(ctx: click.Context, addresses: tuple[str, ...]) -> Report:
    """Give devices back to the drivers they had, with what was taken together with them."""
    from vdesk.changes.undoing import entries, readable_entries
    from vdesk.plans import bind as plans

    wanted = [parse_address(text) for text in addresses]
    known = readable_entries if settings_of(ctx).given.get("dry_run") else entries
    return changing(ctx, lambda host: plans.unbind(host, wanted, known(host)))
