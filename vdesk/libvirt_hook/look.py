"""What the functions of a domain are, which others go along, what the host needs of them, and who holds them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence

from .domain import ADDRESS
from .machine import END_SECONDS, LOOK_SECONDS, Machine, Trouble, execute, in_child, printable

VFIO = "vfio-pci"
DEVICES = "sys/bus/pci/devices"
NVIDIA = "sys/bus/pci/drivers/nvidia"
PYTHON = "/usr/bin/python3"
BRIDGE, DISPLAY = "0x06", "0x03"  # PCI base classes
HARMLESS = ("", "pcieport", "pci-stub", VFIO)  # drivers that leave the DMA of their group to others
INTERFACE = re.compile(r"[\w.@:-]{1,15}", re.ASCII)
OTHER_NODES = re.compile(r"(fb|i2c-)\d+", re.ASCII)  # an unbind waits for who has a monitor's bus open
QEMU_USERS = ("root", "0", "libvirt-qemu", "qemu", "qemu-libvirtd", "?")  # Debian and Arch; Fedora and SUSE; NixOS
GONE = " (deleted)"  # an unbind takes the node away first, then waits for who has it open
NVME_PATH = re.compile(r"c\d+(n\d+)$", re.ASCII)
# They let go by themselves: the hook stops these services, sound servers close a card that disappears. Names as the
# kernel has them, cut to 15 signs.
LETTING_GO = (
    ("/dev/nvidia", ("nvidia-persiste", "nvidia-powerd")),
    ("/dev/snd/", ("pipewire", "wireplumber", "pulseaudio")),
)

Fact = dict[str, str]
"""One function: address, driver, group, class, override, d3cold; nodes that can hold it; why the host keeps it."""


def look(machine: Machine, named: Sequence[str]) -> list[Fact]:
    """The functions named and their companions, sorted: the functions of their slots that a host driver has, and the
    other endpoints of their groups. Reading an override waits for the device's lock: call it in a child."""
    every = [_fact(machine, name) for name in machine.names(DEVICES) if ADDRESS.fullmatch(name)]
    endpoints = [fact for fact in every if not fact["class"].startswith(BRIDGE)]
    slots = {address.rpartition(".")[0] for address in named}
    taken = []
    for fact in endpoints:
        together = fact["address"].rpartition(".")[0] in slots and fact["driver"] not in HARMLESS
        if together or fact["address"] in named:
            taken.append(fact)
    groups = {fact["group"] for fact in taken} - {""}
    found = [fact for fact in endpoints if fact in taken or fact["group"] in groups]
    stay = [fact for fact in every if fact["class"].startswith(BRIDGE) and fact["driver"] not in HARMLESS]
    for fact in found:
        _more(machine, fact, named)
        for bridge in stay:
            if fact["group"] and bridge["group"] == fact["group"] and not fact["kept"]:
                fact["kept"] = f"the bridge {bridge['address']} of its group has the driver {bridge['driver']}"
    return sorted(found, key=lambda fact: fact["address"])


def _fact(machine: Machine, address: str) -> Fact:
    folder = f"{DEVICES}/{address}"
    return {
        "address": address,
        "driver": machine.link(f"{folder}/driver"),
        "group": machine.link(f"{folder}/iommu_group"),
        "class": machine.text(f"{folder}/class"),
    }


def _more(machine: Machine, fact: Fact, named: Sequence[str]) -> None:
    folder = f"{DEVICES}/{fact['address']}"
    override = machine.text(f"{folder}/driver_override")
    fact["override"] = "" if override == "(null)" else override  # unset reads so on kernels up to 7.x
    fact["d3cold"] = machine.text(f"{folder}/d3cold_allowed")
    nodes, disks, nets = _below(machine, folder) if fact["driver"] not in HARMLESS else ([], [], [])
    if fact["driver"] == "nvidia":
        nodes += _nvidia_nodes(machine, fact["address"])
    if fact["driver"] == "amdgpu" and _alone(machine, fact):
        nodes.append("dev/kfd")
    fact["nodes"] = " ".join(nodes)
    fact["kept"] = _kept(machine, disks, [] if fact["address"] in named else nets)


def _alone(machine: Machine, fact: Fact) -> bool:
    """Whether its driver has no other function."""
    names = machine.names(f"sys/bus/pci/drivers/{fact['driver']}")
    return [name for name in names if ADDRESS.fullmatch(name)] == [fact["address"]]


def _below(machine: Machine, folder: str) -> tuple[list[str], list[str], list[str]]:
    """What is below a function: its graphics and sound nodes, its disks, its network interfaces."""
    nodes, disks, nets = [], [], []
    for place, names, _ in os.walk(os.path.realpath(machine.place(folder))):
        if os.path.basename(place) == "net":
            nets += names
        told = machine.text(f"{os.path.relpath(place, machine.root or '/')}/uevent").splitlines()
        name = next((line[len("DEVNAME=") :] for line in told if line.startswith("DEVNAME=")), "")
        if name.startswith(("dri/", "snd/")) or OTHER_NODES.fullmatch(name):
            nodes.append(f"dev/{name}")
        elif "DEVTYPE=disk" in told:
            # A path of an NVMe disk with several has no node; nvme0c1n1 is one of nvme0n1.
            disks.append("dev/" + (name or NVME_PATH.sub(r"\1", os.path.basename(place))))
    return nodes, disks, nets


def _nvidia_nodes(machine: Machine, address: str) -> list[str]:
    """The card's own node; those of the whole driver too when it has no other card."""
    told = machine.text(f"proc/driver/nvidia/gpus/{address}/information").splitlines()
    minor = next((line.rpartition(":")[2].strip() for line in told if line.startswith("Device Minor:")), "")
    alone = [name for name in machine.names(NVIDIA) if ADDRESS.fullmatch(name)] == [address]
    whole = [name for name in machine.names("dev") if name.startswith("nvidia")] if alone or not minor else []
    return [f"dev/{name}" for name in sorted({*whole, *([f"nvidia{minor}"] if minor else [])})]


def _kept(machine: Machine, disks: Iterable[str], nets: Iterable[str]) -> str:
    """Why the host cannot do without a function, empty when it can."""
    for node in disks:
        why = machine.disk_in_use(node)
        if why:
            return f"the disk /{node} on it {why}"
    used = _default_route(machine)
    return next((f"the default route goes through its interface {name}" for name in nets if name in used), "")


def _default_route(machine: Machine) -> set[str]:
    """The interfaces of the default route, through bridges and bonds (proc(5), net/route and net/ipv6_route)."""
    rows = [line.split() for line in machine.text("proc/net/route").splitlines()]
    names = [row[0] for row in rows if len(row) > 7 and row[1] == row[7] == "00000000"]
    rows = [line.split() for line in machine.text("proc/net/ipv6_route").splitlines()]
    names += [row[9] for row in rows if len(row) > 9 and row[0] == "0" * 32 and row[1] == "00" and row[9] != "lo"]
    found: set[str] = set()
    while names:
        name = names.pop()
        if name not in found and INTERFACE.fullmatch(name) and name not in (".", ".."):
            found.add(name)
            links = machine.names(f"sys/class/net/{name}")
            names += [each.removeprefix("lower_") for each in links if each.startswith("lower_")]
    return found


def holders(machine: Machine, nodes: Sequence[str]) -> list[list[str]]:
    """Who has the nodes open: pid, command, user, node. Another python is asked: libvirtd's AppArmor profile may not
    look into every process, and what it executes from /usr/bin runs without one."""
    if not nodes:
        return []
    asked = ["python3", "-IS", machine.script, "--root", machine.root or "/", "--holders=" + " ".join(nodes)]

    def work() -> str:
        return execute(PYTHON, asked) if machine.script else json.dumps(find_holders(machine, nodes))

    try:
        rows = json.loads(in_child(work, LOOK_SECONDS, "looking for open nodes", END_SECONDS))
    except (Trouble, ValueError) as error:
        machine.say(f"who holds the devices could not be told: {error}")
        return []
    return [[printable(str(part), 64) for part in row] for row in rows]


def find_holders(machine: Machine, nodes: Sequence[str]) -> list[list[str]]:
    """As `holders`, by looking into /proc/PID/fd (proc(5)) here."""
    wanted, found = {f"/{node}" for node in nodes}, set()
    for pid in machine.names("proc"):
        for number in machine.names(f"proc/{pid}/fd") if pid.isdecimal() else ():
            try:
                target = os.readlink(machine.place(f"proc/{pid}/fd/{number}")).removesuffix(GONE)
            except OSError:
                continue
            if target in wanted:
                found.add((pid, machine.text(f"proc/{pid}/comm") or "?", _user(machine, pid), target))
    return [list(row) for row in sorted(found)]


def _user(machine: Machine, pid: str) -> str:
    told = machine.text(f"proc/{pid}/status").splitlines()
    uid = next((line.split()[1] for line in told if line.startswith("Uid:")), "?")
    rows = [line.split(":") for line in machine.text("etc/passwd").splitlines()]
    return next((row[0] for row in rows if len(row) > 2 and row[2] == uid), uid)


def runs(machine: Machine, pid: str, uuid: str) -> bool:
    """Whether a process is the QEMU of a machine. Everybody can give a process of theirs such words, so it has to be
    root's or of QEMU's user, or a QEMU that root has installed (`user` in qemu.conf); not known counts as yes."""
    if f"\0-uuid\0{uuid}\0" not in machine.text(f"proc/{pid}/cmdline") + "\0":
        return False
    program = machine.link(f"proc/{pid}/exe").lstrip(".")
    if _user(machine, pid) in QEMU_USERS or not program:
        return True
    return program.startswith(("qemu", "kvm")) and machine.owner(f"proc/{pid}/exe") in (0, os.geteuid())


def stays(row: Sequence[str]) -> bool:
    """Whether a holder has to be closed by a person; the others let go by themselves."""
    _, command, _, node = row
    return not any(node.startswith(place) and command in commands for place, commands in LETTING_GO)


def named_holders(rows: Iterable[Sequence[str]]) -> str:
    """The holders in words."""
    told = [f"{command} (pid {pid}, user {user}) has {node} open" for pid, command, user, node in rows]
    return "; ".join(told[:5]) + (f"; and {len(told) - 5} more" if len(told) > 5 else "")
