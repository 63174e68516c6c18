"""The machines that there are: reaching libvirt, finding one, and what is told of each."""

from __future__ import annotations

from typing import Any

from vdesk.host import Host
from vdesk.host.libvirt_conn import SYSTEM, Domain, Libvirt, connect, is_far
from vdesk.model.address import Address
from vdesk.model.errors import NeedsRoot, VdeskError, WrongUsage, problem
from vdesk.model.near import did_you_mean
from vdesk.plans import vm_far, vm_install
from vdesk.vm.defined import Defined, read_defined


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
        if host.needs_root and not is_far(uri or SYSTEM) and error.problems[0].id == "libvirt.unreachable":
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
                f"{did_you_mean(name, (each.name for each in libvirt.domains()))}see the names with: vdesk list",
            )
        )
    return found


# --- look


def machines(host: Host, libvirt: Libvirt) -> list[dict[str, Any]]:
    """Every machine: name, state, whether vdesk made it, its card, and who has the devices now."""
    every = libvirt.domains()
    holders = _holders(every)
    return [_row(host, libvirt, domain, read_defined(domain.xml), holders) for domain in every]


def _holders(every: list[Domain]) -> dict[Address, str]:
    """Function -> the running machine that has it."""
    running = [domain for domain in every if domain.active]
    return {address: domain.name for domain in running for address in read_defined(domain.xml).functions}


def _row(
    host: Host, libvirt: Libvirt, domain: Domain, found: Defined, holders: dict[Address, str]
) -> dict[str, Any]:
    own = [] if libvirt.far else [_device(host, address, holders.get(address)) for address in found.functions]
    return {
        "name": domain.name,
        "state": domain.state,
        "vdesk": found.marked,
        "os": found.os or None,
        "gpu": found.gpu or None,
        "devices": vm_far.rows(libvirt, list(found.functions), holders) if libvirt.far else own,
    }


def _device(host: Host, address: Address, machine: str | None) -> dict[str, Any]:
    """`machine` is the running one that has the function; without one it is with its driver, vfio-pci or this
    machine's own."""
    from vdesk.host.names import Names
    from vdesk.host.pci import read_device

    device = read_device(host, address, host.memory.setdefault("names", Names(host)))
    name = device.name if device else "not there"
    return {"address": str(address), "name": name, "driver": device.driver if device else None, "machine": machine}


def show(host: Host, libvirt: Libvirt, name: str) -> dict[str, Any]:
    """One machine in full, as data."""
    domain = find_vm(libvirt, name)
    found = read_defined(domain.xml)
    return {
        **_row(host, libvirt, domain, found, _holders(libvirt.domains())),
        "uuid": domain.uuid,
        "type": "kvm" if found.kvm else "qemu",
        "machine": found.machine,
        "firmware": found.firmware,
        "secure_boot": found.secure_boot,
        "tpm": found.tpm,
        "cpus": found.cpus,
        "pinning": {str(vcpu): cpu for vcpu, cpu in found.pins},
        "memory_mib": found.memory >> 20,
        "hugepages": found.hugepages,
        "disks": [each.source for each in found.disks if not each.disc],
        "discs": [each.source for each in found.disks if each.disc and each.source],
        "networks": list(found.networks),
        "usb": list(found.usb),
        "roms": list(found.roms),
        "looking_glass_mib": found.shared_memory >> 20 or None,
        "evdev": list(found.evdev),
        "screen": found.graphics or None,
        "install": found.install,
        "answers": found.answers if vm_install.waits(found) else None,
    }


def cpu_map(host: Host, libvirt: Libvirt, name: str) -> dict[str, Any]:
    """`show --cpus`: the cores of the machine that libvirt is on, and what of the virtual machine runs on each."""
    from vdesk.plans import vm_cpus

    there = vm_far.cores(libvirt.capabilities()) if libvirt.far else None
    return vm_cpus.cpu_map(host, find_vm(libvirt, name).xml, there)
