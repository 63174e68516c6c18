"""`vdesk capture`: this machine's facts, for a bug report and for `--root`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from vdesk.cli import completing
from vdesk.cli.options import command, settings_of
from vdesk.model.report import Report

if TYPE_CHECKING:
    from vdesk.host import Host


@command("capture")
@click.argument(
    "target", metavar="DIR|FILE", type=click.Path(resolve_path=True), shell_complete=completing.files
)
@click.pass_context
def capture(ctx: click.Context, target: str) -> Report:
    """Write this machine's facts to a folder, or to an archive (FILE.tar.zst, .tar.gz): what vdesk reads, and nothing
    else.

    vdesk --root DIR|FILE then sees exactly what it sees here. Names of people and of the machine, serial numbers, MAC
    and IP addresses are left out. Changes nothing; as a normal user what only root may read is missing."""
    from vdesk.plans.capture import make

    settings = settings_of(ctx)
    host = settings.host()
    asked = _libvirt(host) if host.is_live else _kept(host)
    return make(host, target, _READERS, asked, dry_run=bool(settings.given.get("dry_run")))


def _check(host: Host) -> None:
    from vdesk.checks import check

    check(host)


def _groups(host: Host) -> None:
    from vdesk.checks.groups import groups

    groups(host, kinds=frozenset(), address=None)


def _status(host: Host) -> None:
    from vdesk.host.system_python import version
    from vdesk.plans.boot_list import show
    from vdesk.plans.hook_status import status as hook_status
    from vdesk.plans.iommu import enable, status

    for read in (status, show, hook_status, version):
        _tried(read, host)
    _tried(lambda host: enable(host, igfx_off=False, pt=False), host)


def _cards(host: Host) -> None:
    from vdesk.host.pci import devices
    from vdesk.plans.bind import bind
    from vdesk.plans.gpu import listing, query

    for read in (listing, query):
        _tried(read, host)
    for device in devices(host):
        if not device.is_bridge:
            _tried(partial(bind, addresses=[device.address]), host)


def _machine(host: Host) -> None:
    from vdesk.host.usb import usb_devices
    from vdesk.vm.facts import Answers, read_facts

    _tried(lambda host: read_facts(host, Answers()), host)
    _tried(usb_devices, host)


def _tried(read: Callable[[Host], object], host: Host) -> None:
    from vdesk.model.errors import VdeskError

    try:
        read(host)
    except VdeskError:
        return


_READERS = (_check, _groups, _status, _cards, _machine)


def _libvirt(host: Host) -> dict[str, str]:
    """What libvirt says of this machine, where it can be asked."""
    from vdesk.host.libvirt_conn import SYSTEM, connect
    from vdesk.model.errors import VdeskError

    try:
        libvirt = connect(host, SYSTEM)
        kind = "kvm" if host.exists("dev/kvm") else "qemu"
        domain = libvirt.domain_capabilities("q35", kind)
        return {"capabilities.xml": libvirt.capabilities(), **({"domcapabilities.xml": domain} if domain else {})}
    except VdeskError:
        return {}


def _kept(host: Host) -> dict[str, str]:
    names = ("capabilities.xml", "domcapabilities.xml")
    return {name: text for name in names if (text := host.text(f"run/vdesk/{name}"))}
