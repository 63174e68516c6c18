"""`vdesk install`: packages and groups, through the distribution's own tools."""

from __future__ import annotations

import click

from vdesk.cli.options import changing, command
from vdesk.model.report import Report


@command("install")
@click.pass_context
def install(ctx: click.Context) -> Report:
    """Install what virtual machines need: QEMU/KVM, UEFI firmware, libvirt, virt-manager, a TPM emulator.

    Through apt, dnf, zypper or pacman, and only what is missing. You are put into the groups libvirt and kvm; they
    count from your next login on. libvirt is started where its package leaves that to you."""
    from vdesk.plans.install import install as plan

    return changing(ctx, plan)
