"""`vdesk iommu`: the kernel's argument, and what it came to."""

from __future__ import annotations

import click

from vdesk.cli.options import SubGroup, changing, command, settings_of
from vdesk.model.report import Report

COMMANDS = {
    "status": ("vdesk.cli.iommu:status", "what is configured, generated, booted, and what the kernel says"),
    "enable": ("vdesk.cli.iommu:enable", "put the argument into the boot configuration"),
    "disable": ("vdesk.cli.iommu:disable", "take out what vdesk put in"),
    "groups": ("vdesk.cli.check:groups", "the IOMMU groups and what is in them"),
}


@click.group("iommu", cls=SubGroup, lazy=COMMANDS)
def iommu() -> None:
    """Turn the IOMMU on or off, and see what is in effect."""


@command("status")
@click.pass_context
def status(ctx: click.Context) -> Report:
    """The argument as configured, as generated and as booted, which of them disagree, and what the kernel says."""
    from vdesk.plans.iommu import status as read_status

    return Report("iommu status", data=read_status(settings_of(ctx).host()))


@command("enable")
@click.option(
    "--igfx-off", is_flag=True, help="Leave the integrated graphics outside the IOMMU (it then has no group)."
)
@click.option("--pt", is_flag=True, help="Also iommu=pt: host devices are not translated (they lose DMA protection).")
@click.pass_context
def enable(ctx: click.Context, igfx_off: bool, pt: bool) -> Report:
    """Put intel_iommu=on into the boot configuration and generate it again; a reboot makes it count.

    Every other argument stays, in its order and quoting."""
    from vdesk.plans import iommu as plans

    return changing(ctx, lambda host: plans.enable(host, igfx_off=igfx_off, pt=pt))


@command("disable")
@click.pass_context
def disable(ctx: click.Context) -> Report:
    """Take out exactly what vdesk put in; words that a person added since stay."""
    from vdesk.changes.undoing import entries
    from vdesk.plans import iommu as plans

    return changing(ctx, lambda host: plans.disable(host, entries(host)))
