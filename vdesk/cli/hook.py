"""`vdesk hook`: the libvirt hook that takes devices before a virtual machine starts and gives them back after."""

from __future__ import annotations

import click

from vdesk.cli.options import SubGroup, changing, command, settings_of
from vdesk.model.report import Report

COMMANDS = {
    "install": ("vdesk.cli.hook:install", "put the hook into /etc/libvirt/hooks/qemu.d"),
    "remove": ("vdesk.cli.hook:remove", "take it away again"),
    "status": ("vdesk.cli.hook:status", "is it there, current, and noticed by libvirt; which other hooks are there"),
    "check": ("vdesk.cli.hook:check", "run the installed hook's own test"),
}


@click.group("hook", cls=SubGroup, lazy=COMMANDS)
def hook() -> None:
    """The libvirt hook: devices of vdesk's machines go to vfio-pci before a start, and back after the end."""


@command("install")
@click.pass_context
def install(ctx: click.Context) -> Report:
    """Put the hook into /etc/libvirt/hooks/qemu.d/50-vdesk, and let a running libvirt daemon notice it.

    Hooks of other people are left alone. Running virtual machines notice nothing."""
    from vdesk.plans import hook as plans

    return changing(ctx, plans.install)


@command("remove")
@click.pass_context
def remove(ctx: click.Context) -> Report:
    """Take the hook away; refused while it still has to give devices back."""
    from vdesk.changes.undoing import entries
    from vdesk.plans import hook as plans

    return changing(ctx, lambda host: plans.remove(host, entries(host)))


@command("status")
@click.pass_context
def status(ctx: click.Context) -> Report:
    """Whether the hook is there, is this vdesk's, runs, and is noticed; and which other hooks do the same work."""
    from vdesk.plans.hook_status import status as read_status

    return Report("hook status", data=read_status(settings_of(ctx).host()))


@command("check")
@click.pass_context
def check(ctx: click.Context) -> Report:
    """Run the installed hook's own test: can it keep its state, write its log, move devices, load vfio-pci."""
    from vdesk.plans.hook_selinux import findings
    from vdesk.plans.hook_status import self_test

    host = settings_of(ctx).host()
    report = self_test(host)
    report.findings = findings(host)
    return report
