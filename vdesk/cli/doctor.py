"""`vdesk doctor`: what went wrong with a virtual machine."""

from __future__ import annotations

import click

from vdesk.cli import completing
from vdesk.cli.options import command, settings_of
from vdesk.model.report import Report


@command("doctor")
@completing.NAME
@click.option(
    "--seen", metavar="TEXT", multiple=True, help='What you see yourself: "Code 43", "black screen", a message.'
)
@click.pass_context
def doctor(ctx: click.Context, name: str, seen: tuple[str, ...]) -> Report:
    """What went wrong with a virtual machine: its log, libvirt's and the kernel's messages, with cause and remedy.

    Looks at the last start of the machine. Errors that vdesk does not know are quoted. Exit code 0 when nothing
    keeps the machine from working, 3 otherwise."""
    from vdesk.checks.doctor import doctor as look

    return look(settings_of(ctx).host(), name, seen)
