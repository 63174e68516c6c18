"""`--connect`: the address of libvirt, which whoever runs vdesk names."""

from __future__ import annotations

import click

from vdesk.cli.options import settings_of


def _given(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """The address; an empty one is what a script makes of a variable that is not set, and names no libvirt."""
    if value is None:
        return None
    if not value.strip():
        raise click.BadParameter("it names no libvirt", ctx=ctx, param=param)
    if not ctx.resilient_parsing:  # of the shell's completion
        from vdesk.host.libvirt_uri import allow

        allow(settings_of(ctx).host(), value)
    return value


CONNECT = click.option(
    "--connect", metavar="URI", callback=_given, help="libvirt's address; qemu:///system unless given."
)
