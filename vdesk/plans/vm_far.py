"""Machines of a libvirt on another host (`--connect qemu+ssh://...`): what is decided there, and what libvirt tells."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from vdesk.host.cpu_topology import Core, parse_list
from vdesk.host.libvirt_conn import Libvirt, is_far
from vdesk.model.address import Address
from vdesk.model.errors import Refused, problem
from vdesk.model.number import is_number
from vdesk.vm.defined import LIMIT


def refuse(uri: str | None, what: str) -> None:
    """Refused where the address names another host: this machine's devices, files and memory would decide."""
    if uri and is_far(uri):
        raise Refused(
            problem(
                "vm.far",
                f"{what} on the machine itself only, and {uri} is another one",
                "it is decided by that machine's devices, files and memory, which libvirt does not show",
                "log in there, and run the same command without --connect",
            )
        )


def unseen(libvirt: Libvirt) -> str:
    """What a start over the network did not look at."""
    return f"Not looked at: devices, memory and files, for they are on another machine ({libvirt.uri})."


def device(libvirt: Libvirt, address: Address) -> tuple[str, str | None]:
    """(name, driver) of a function as that libvirt tells (formatnode)."""
    text = libvirt.node_device(f"pci_{str(address).replace(':', '_').replace('.', '_')}")
    if text is None:
        return "not there", None
    node = ElementTree.fromstring(text[:LIMIT])
    capability = node.find("capability[@type='pci']")
    parts = [] if capability is None else [capability.findtext(each, "") for each in ("vendor", "product")]
    return " ".join(part for part in parts if part) or "unknown", node.findtext("driver/name")


def cores(capabilities: str) -> list[Core]:
    """The processor as that libvirt tells (formatcaps: topology and cache banks); none where it does not."""
    root = ElementTree.fromstring(capabilities[:LIMIT])
    shared: dict[int, tuple[int, int]] = {}
    for bank in root.iterfind("host/cache/bank[@level='3']"):
        cpus = parse_list(bank.get("cpus", ""))
        size = _number(bank.get("size", "")) << {"KiB": 10, "MiB": 20}.get(bank.get("unit", ""), 0)
        shared.update(dict.fromkeys(cpus, (min(cpus, default=-1), size)))
    found: dict[tuple[int, ...], Core] = {}
    for cell in root.iterfind("host/topology/cells/cell"):
        for cpu in cell.iterfind("cpus/cpu"):
            siblings = parse_list(cpu.get("siblings", "")) or parse_list(cpu.get("id", ""))
            if siblings:
                package, node = (_number(each) for each in (cpu.get("socket_id", ""), cell.get("id", "")))
                cache, size = shared.get(siblings[0], (-1, 0))
                found.setdefault(siblings, Core(siblings, package, cache, node, cache_size=size))
    return [found[siblings] for siblings in sorted(found)]


def _number(text: str) -> int:
    return int(text) if is_number(text) else 0


def rows(libvirt: Libvirt, addresses: list[Address], holders: dict[Address, str]) -> list[dict[str, Any]]:
    """The devices of a machine as `list` shows them."""
    found = []
    for address in addresses:
        name, driver = device(libvirt, address)
        found.append({"address": str(address), "name": name, "driver": driver, "machine": holders.get(address)})
    return found
