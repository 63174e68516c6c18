"""sysfs of network interfaces, and the routes (proc(5))."""

from __future__ import annotations

from tests.machines.parts import Machine, Nic, Tree
from tests.machines.pci_files import paths, relative

ROUTE_HEAD = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT" + " " * 55


def _interface(tree: Tree, nic: Nic, index: int, device: str) -> str:
    folder = f"{device}/net/{nic.name}" if device else f"sys/devices/virtual/net/{nic.name}"
    loopback = nic.name == "lo"
    texts = {
        "operstate": "unknown" if loopback else "up" if nic.up else "down",
        "carrier": "1" if nic.up else "0",
        "type": "772" if loopback else "1",
        "ifindex": str(index),
        "address": "00:00:00:00:00:00",
        "flags": "0x9" if loopback else "0x1003" if nic.up else "0x1002",
    }
    for name, text in texts.items():
        tree[f"{folder}/{name}"] = text + "\n"
    if device:
        tree[f"{folder}/device"] = relative(f"{folder}/device", device)
    if nic.wireless:
        tree[f"{folder}/wireless"] = None
    tree[f"sys/class/net/{nic.name}"] = relative(f"sys/class/net/{nic.name}", folder)
    return folder


def _members(tree: Tree, nic: Nic, folders: dict[str, str]) -> None:
    upper = folders[nic.name]
    if nic.kind == "bridge":
        tree[f"{upper}/bridge/stp_state"] = "0\n"
        tree.setdefault(f"{upper}/brif", None)
    for member in nic.members:
        lower = folders[member]
        tree[f"{lower}/master"] = relative(f"{lower}/master", upper)
        tree[f"{lower}/upper_{nic.name}"] = relative(f"{lower}/upper_{nic.name}", upper)
        tree[f"{upper}/lower_{member}"] = relative(f"{upper}/lower_{member}", lower)
        if nic.kind == "bridge":
            tree[f"{upper}/brif/{member}"] = relative(f"{upper}/brif/{member}", f"{lower}/brport")
            tree[f"{lower}/brport/state"] = "3\n"
    if nic.kind == "bond":
        tree[f"{upper}/bonding/slaves"] = " ".join(nic.members) + "\n"
        tree["sys/class/net/bonding_masters"] = nic.name + "\n"


def write_network(machine: Machine, tree: Tree) -> None:
    """sys/class/net and the route tables of both protocols."""
    places = paths(machine)
    folders = {}
    for index, nic in enumerate((Nic("lo"), *machine.nics), 1):
        folders[nic.name] = _interface(tree, nic, index, places[nic.device] if nic.device else "")
    for nic in machine.nics:
        _members(tree, nic, folders)
    rows = [ROUTE_HEAD]
    rows6 = []
    for nic in machine.nics:
        if nic.default:
            rows.append(f"{nic.name}\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0" + " " * 60)
            rows.append(f"{nic.name}\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0" + " " * 60)
            rows6.append(
                f"fe80{'0' * 28} 40 {'0' * 32} 00 {'0' * 32} 00000400 00000001 00000000 00000001 {nic.name:>8}"
            )
    rows6.append(f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200       lo")
    tree["proc/net/route"] = "\n".join(rows) + "\n"
    tree["proc/net/ipv6_route"] = "\n".join(rows6) + "\n"
