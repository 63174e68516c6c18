"""The life of a machine: list, show, start, stop, delete, attach, detach."""

from __future__ import annotations

import time
from typing import Any

from vdesk.changes.actions import Action, Actions
from vdesk.changes.change import Change, Progress
from vdesk.changes.disks import RemoveDisk
from vdesk.changes.domain import UndefineDomain, not_running
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.host.libvirt_conn import SYSTEM, Domain, Libvirt, connect
from vdesk.model.address import Address
from vdesk.model.errors import HostError, NeedsRoot, Refused, VdeskError, WrongUsage, problem
from vdesk.vm.defined import Defined, mark_without_install, read_defined
from vdesk.vm.domain_xml import MARK

START_SECONDS = 600.0
KEY_SECONDS = 15
SHUTDOWN_SECONDS = 120.0


def open_libvirt(host: Host, uri: str | None) -> Libvirt:
    """The connection of a life command; NeedsRoot where root would get through, WrongUsage for a captured machine."""
    if not host.is_live and uri is None:
        raise WrongUsage(
            problem(
                "usage.captured",
                "a captured machine runs no virtual machines",
                "it is a folder of files; there is no libvirt in it",
                "leave --root out, or name a libvirt with --connect URI",
            )
        )
    try:
        return connect(host, uri or SYSTEM)
    except VdeskError as error:
        if host.needs_root and error.problems[0].id == "libvirt.unreachable":
            first = error.problems[0]
            raise NeedsRoot(
                problem("root.needed", first.what, first.cause, "run the same command with sudo")
            ) from error
        raise


def find_vm(libvirt: Libvirt, name: str) -> Domain:
    """The machine of that name; WrongUsage without one."""
    found = libvirt.find(name)
    if found is None:
        raise WrongUsage(
            problem(
                "usage.no-vm",
                f"there is no virtual machine {name}",
                f"libvirt lists none of that name at {libvirt.uri}",
                "see the names with: vdesk list",
            )
        )
    return found


# --- look


def machines(host: Host, libvirt: Libvirt) -> list[dict[str, Any]]:
    """Every machine: name, state, whether vdesk made it, its card, and who has the devices now."""
    return [_row(host, domain) for domain in libvirt.domains()]


def _row(host: Host, domain: Domain) -> dict[str, Any]:
    found = read_defined(domain.xml)
    return {
        "name": domain.name,
        "state": domain.state,
        "vdesk": found.marked,
        "os": found.os or None,
        "gpu": found.gpu or None,
        "devices": [_device(host, address) for address in found.functions],
    }


def _device(host: Host, address: Address) -> dict[str, Any]:
    from vdesk.host.names import Names
    from vdesk.host.pci import read_device

    device = read_device(host, address, host.memory.setdefault("names", Names(host)))
    name = device.name if device else "not there"
    return {"address": str(address), "name": name, "driver": device.driver if device else None}


def show(host: Host, libvirt: Libvirt, name: str) -> dict[str, Any]:
    """One machine in full, as data."""
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    return {
        **_row(host, domain),
        "uuid": domain.uuid,
        "type": "kvm" if found.kvm else "qemu",
        "machine": found.machine,
        "cpus": found.cpus,
        "pinning": {str(vcpu): cpu for vcpu, cpu in found.pins},
        "memory_mib": found.memory >> 20,
        "disks": [each.source for each in found.disks if not each.disc],
        "discs": [each.source for each in found.disks if each.disc and each.source],
        "networks": list(found.networks),
        "usb": list(found.usb),
    }


# --- start


def start(host: Host, libvirt: Libvirt, name: str) -> Actions:
    """Bring up the networks that the machine uses, start it, and answer the disc's question on the first start."""
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    if domain.active:
        return Actions(
            "start",
            [],
            {"name": name, "state": domain.state},
            notes=[f"{name} is running already.", *_where(libvirt, found)],
        )
    _files(host, found)
    steps = [_network(libvirt, network) for network in dict.fromkeys(found.networks) if not _active(libvirt, network)]
    steps.append(
        Action("start", name, f"start {name}", lambda progress: libvirt.start(name, START_SECONDS), final=True)
    )
    if found.install:
        answer = f"press Enter for {KEY_SECONDS} s, for `Press any key to boot from CD`; on this first start only"
        steps.append(Action("key", name, answer, lambda progress: _press(libvirt, domain, progress)))
    return Actions("start", steps, {"name": name, "state": "running"}, notes=_where(libvirt, found))


def _files(host: Host, found: Defined) -> None:
    """Every file of the machine is there, before anything is prepared for it."""
    for disk in found.disks:
        if disk.source and host.is_live and not host.exists(disk.source.lstrip("/")):
            raise Refused(
                problem(
                    "vm.file-missing",
                    f"{disk.source} is missing, and {found.name} needs it",
                    "the file was moved or removed since the machine was defined",
                    f"put it back, or take it out of the machine with: virsh edit {found.name}",
                )
            )


def _active(libvirt: Libvirt, network: str) -> bool:
    known = libvirt.network(network)
    if known is None:
        raise Refused(
            problem(
                "vm.network-missing",
                f"the machine's network {network} does not exist",
                "libvirt knows no network of that name",
                "list them with: virsh net-list --all",
            )
        )
    return known[0]


def _network(libvirt: Libvirt, network: str) -> Action:
    return Action(
        "network",
        network,
        f"bring up the network {network}",
        lambda progress: libvirt.start_network(network),
        lambda progress: libvirt.stop_network(network),
    )


def _press(libvirt: Libvirt, domain: Domain, progress: Progress) -> None:
    """Enter, once a second. A machine that ended meanwhile takes no keys; later starts must not restart Setup.

    Ctrl-C stops the pressing; the machine runs on."""
    mark = mark_without_install(domain.xml)
    if mark:
        libvirt.forget_install(domain.name, mark, MARK)
    for _ in range(0 if libvirt.mock else KEY_SECONDS):
        try:
            libvirt.press_enter(domain.name)
            time.sleep(1)
        except VdeskError as error:
            progress(error.problems[0].cause)
            return
        except KeyboardInterrupt:
            return


def _where(libvirt: Libvirt, found: Defined) -> list[str]:
    look = f"Its screen: virt-viewer -c {libvirt.uri} --attach {found.name}"
    if found.gpu:
        look += f"; once the guest has its driver, the monitor at the card {found.gpu} (switch its input)"
    return [look]


# --- stop


def stop(libvirt: Libvirt, name: str, *, force: bool, seconds: float = SHUTDOWN_SECONDS) -> Actions:
    """Ask the guest to shut down and wait; with `force` take the power away."""
    domain = find_vm(libvirt, name)
    data = {"name": name, "state": "shut off"}
    if not domain.active:
        return Actions("stop", [], data, notes=[f"{name} is not running."])
    if force:
        summary = f"take the power from {name}: what it has not written to disk is lost"
        return Actions("stop", [Action("stop", name, summary, lambda progress: libvirt.destroy(name))], data, ask=True)
    summary = f"ask {name} to shut down, and wait up to {seconds:.0f} s"
    return Actions("stop", [Action("stop", name, summary, lambda progress: _shut_down(libvirt, name, seconds))], data)


def _shut_down(libvirt: Libvirt, name: str, seconds: float) -> None:
    libvirt.shutdown(name)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = libvirt.find(name)
        if found is None or not found.active:
            return
        time.sleep(1)
    raise VdeskError(
        problem(
            "vm.still-running",
            f"{name} did not shut down within {seconds:.0f} s",
            "the guest ignores the power button, is still at work, or waits for an answer on its screen",
            f"shut it down from inside, or take its power away: vdesk stop {name} --force",
        )
    )


# --- delete


def delete(host: Host, libvirt: Libvirt, name: str, *, disks: bool) -> Plan:
    """Remove a machine that vdesk made: definition, NVRAM, TPM state; with `disks` its image files too."""
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    if not found.marked:
        raise Refused(
            problem(
                "vm.not-ours",
                f"{name} was not made by vdesk, so vdesk does not delete it",
                f"its definition has no element of {MARK}",
                f"delete it with: virsh undefine {name}",
            )
        )
    not_running(domain, "deleted")
    plan = Plan("delete", f"delete {name}", [UndefineDomain(domain, libvirt.uri)], {"name": name})
    plan.final = [
        f"The NVRAM and the TPM state of {name} cannot be brought back: a BitLocker disk asks for its recovery key."
    ]
    removed, kept = _images(host, libvirt, found, disks)
    plan.changes += removed
    if removed:
        plan.final.append("Removed disks cannot be brought back.")
    plan.notes = [f"{path} stays: {why}" for path, why in kept]
    return plan


def _images(host: Host, libvirt: Libvirt, found: Defined, disks: bool) -> tuple[list[Change], list[tuple[str, str]]]:
    """The files to remove, and the disks that stay with the reason."""
    shared = _others(libvirt, found.name)
    removed: list[Change] = []
    kept = []
    for disk in found.disks:
        if not disk.source or not host.exists(disk.source.lstrip("/")) or (disk.disc and disk.source not in found.made):
            continue
        if not disks:
            kept.append((disk.source, "it is removed only with --disks"))
        elif disk.block or _kind(host, disk.source) != "file":
            kept.append((disk.source, "it is no regular file, and vdesk empties no device"))
        elif disk.source in shared:
            kept.append((disk.source, f"{shared[disk.source]} uses it too"))
        else:
            removed.append(RemoveDisk(disk.source.lstrip("/")))
    return removed, kept


def _others(libvirt: Libvirt, name: str) -> dict[str, str]:
    """Path -> the name of another machine that uses it."""
    others = [read_defined(domain.xml) for domain in libvirt.domains() if domain.name != name]
    return {disk.source: other.name for other in others for disk in other.disks if disk.source}


def _kind(host: Host, path: str) -> str:
    try:
        return host.stat(path.lstrip("/"), follow=False).kind
    except HostError:
        return ""
