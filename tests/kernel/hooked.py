"""A small machine for the hook: a graphics card with sound behind a bridge, a disk, a network card; and its kernel."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.kernel.pieces import function, place
from tests.machines.builder import lay_out
from tests.machines.parts import Link, Tree
from vdesk.host.kernel_model import KernelModel
from vdesk.host.tree import Tree as Files
from vdesk.libvirt_hook.machine import Machine
from vdesk.libvirt_hook.phases import phase
from vdesk.model.errors import Absent, Busy, HostError

CARD, SOUND, DISK, NET = "0000:01:00.0", "0000:01:00.1", "0000:00:17.0", "0000:03:00.0"
PORT = "0000:00:01.0"
OWN = ("run/vdesk", "var/log/vdesk", "writes")  # what the hook and the model leave
UUID = "6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11"
MARK = '<vdesk:domain xmlns:vdesk="urn:vdesk:domain:1" os="win10"/>'
STATE = f"run/vdesk/hook/{UUID}.json"
BUS = "sys/bus/pci/drivers"
OVERRIDE = {"driver_override": "(null)", "d3cold_allowed": "1"}
Fault = Callable[["ModelMachine", str, str], bool]
"""Called with the path and the text of a write; True when it has dealt with it."""


def domain(*functions: str, mark: str = MARK, uuid: str = UUID, name: str = "hoth", more: str = "") -> bytes:
    """A domain's XML as libvirt gives it to a hook."""
    devices = ""
    for each in functions:
        bus, slot, number = each[5:7], each[8:10], each[11:]
        address = f"<address domain='0x0000' bus='0x{bus}' slot='0x{slot}' function='0x{number}'/>"
        guest = "<address type='pci' domain='0x0000' bus='0x07' slot='0x00' function='0x0'/>"
        source = f"<source>{address}</source>{guest}"
        devices += f"<hostdev mode='subsystem' type='pci' managed='yes'>{source}</hostdev>"
    metadata = f"<metadata>{mark}</metadata>" if mark else ""
    inner = f"<name>{name}</name><uuid>{uuid}</uuid>{metadata}<devices>{more}{devices}</devices>"
    return f"<domain type='kvm' id='3'>{inner}</domain>".encode()


def small(card: str = "", **more: str) -> Tree:
    """The machine's files; `card` is the graphics card's driver."""
    tree = function(PORT, "060400", group="8", driver="pcieport")
    tree |= function(CARD, "030000", PORT, group="8", **{"driver": card} if card else {}, **OVERRIDE)
    tree |= function(SOUND, "040300", PORT, group="8", driver="snd_hda_intel", **OVERRIDE)
    tree |= function(DISK, "010601", group="5", driver="ahci", **OVERRIDE)
    tree |= function(NET, "020000", group="9", driver="e1000e", **OVERRIDE)
    sound = f"{place(SOUND, PORT)}/sound/card1"
    tree |= {f"{sound}/controlC1/uevent": "MAJOR=116\nMINOR=2\nDEVNAME=snd/controlC1\n"}
    tree |= {f"{place(CARD, PORT)}/drm/card1/uevent": "MAJOR=226\nMINOR=1\nDEVNAME=dri/card1\n"} if card else {}
    tree |= {f"{place(NET)}/net/eth0/uevent": "INTERFACE=eth0\n"}
    tree |= {f"{place(DISK)}/ata1/block/sda/uevent": "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\n"}
    tree |= {f"{BUS}/{name}": None for name in ("vfio-pci", "snd_hda_intel", "ahci", "e1000e", card) if name}
    tree |= {"sys/bus/pci/drivers_probe": "", "etc/passwd": "root:x:0:0::/:/bin/sh\ndesk:x:1000:1000::/:/bin/sh\n"}
    return tree | more


def process(pid: int, command: str, *nodes: str) -> Tree:
    """A process that has nodes open."""
    tree: Tree = {f"proc/{pid}/comm": f"{command}\n", f"proc/{pid}/status": f"Name:\t{command}\nUid:\t1000\t1000\n"}
    for number, node in enumerate(nodes, 3):
        tree |= {f"proc/{pid}/fd/{number}": Link(node)}
    return tree


def put(tree: Tree, folder: Path) -> Path:
    """Lay the machine out; programs in it can be run."""
    root = lay_out(tree, folder)
    for path in tree:
        if path.startswith("usr/sbin/"):
            (root / path).chmod(0o755)
    return root


class ModelMachine(Machine):
    """The machine with a kernel that answers writes as the real one does, but for its faults (path's end -> fault)."""

    patience = 3.0

    def __init__(self, root: Path, faults: dict[str, Fault] | None = None) -> None:
        super().__init__(str(root))
        self.model = KernelModel(Files(str(root)))
        self.faults = faults or {}
        self.busy_disks: set[str] = set()

    def write(self, path: str, text: str) -> None:
        """As the kernel: errno, or done; each write is kept in `writes` of the machine's folder."""
        with open(f"{self.root}/writes", "a") as file:
            file.write(f"{path.removeprefix('sys/bus/pci/')} {text.strip()}\n")
        for end, fault in self.faults.items():
            if path.endswith(end) and fault(self, path, text.strip()):
                return
        self.real_write(path, text)

    def real_write(self, path: str, text: str) -> None:
        """What the kernel does when nothing is wrong."""
        try:
            self.model.write(path, text, 1.0)
        except Busy as error:
            raise OSError(errno.EBUSY, "Device or resource busy") from error
        except Absent as error:
            raise OSError(errno.ENOENT, "No such file or directory") from error
        except HostError as error:
            raise OSError(errno.ENODEV, error.cause) from error

    def disk_in_use(self, node: str) -> str:
        """Disks said to be."""
        return "is in use by this machine" if node in self.busy_disks else ""

    def driver(self, address: str) -> str:
        """The function's driver."""
        return self.link(f"sys/bus/pci/devices/{address}/driver")


def fails(number: int) -> Fault:
    """The kernel answers with an errno."""

    def fault(machine: ModelMachine, path: str, text: str) -> bool:
        raise OSError(number, os.strerror(number))

    return fault


def nothing(machine: ModelMachine, path: str, text: str) -> bool:
    """The write succeeds and does nothing, as drivers_probe when the driver refuses."""
    return True


def hangs(seconds: float) -> Fault:
    """The kernel holds the writer for so long, then does what was asked."""

    def fault(machine: ModelMachine, path: str, text: str) -> bool:
        time.sleep(seconds)
        return False

    return fault


def hangs_until(gate: Path) -> Fault:
    """The kernel holds the writer until there is such a file, a minute at most, then does what was asked."""

    def fault(machine: ModelMachine, path: str, text: str) -> bool:
        waited = time.monotonic() + 60
        while not gate.exists() and time.monotonic() < waited:
            time.sleep(0.02)
        return False

    return fault


def call(machine: Machine, operation: str, xml: bytes, guest: str = "hoth", sub: str = "", extra: str = "-") -> int:
    """One phase, as libvirt calls it, on a machine whose time begins now."""
    machine.started = time.monotonic()
    between = sub or ("end" if operation in ("release", "stopped") else "begin")
    return phase(machine, [guest, operation, between, extra], xml)


def machine(memory: Path, tree: Tree | None = None, **faults: Fault) -> ModelMachine:
    """The small machine; faults by the end of a path, `__` for `/` and `at_` before."""
    return ModelMachine(put(small() if tree is None else tree, memory), named(faults))


def named(faults: dict[str, Fault]) -> dict[str, Fault]:
    """Faults by the end of a path, from names of arguments."""
    return {name.removeprefix("at_").replace("__", "/"): fault for name, fault in faults.items()}


def drivers(found: ModelMachine) -> list[str]:
    """The drivers of the card and its sound."""
    return [found.driver(CARD), found.driver(SOUND)]


def written(found: ModelMachine) -> list[str]:
    """What was written, in order, since the last call."""
    lines = [line.rstrip() for line in found.text("writes").splitlines()]
    if lines:
        os.unlink(found.place("writes"))
    return lines


def log(found: ModelMachine) -> str:
    """The hook's log."""
    return found.text("var/log/vdesk/hook.log")
