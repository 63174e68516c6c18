"""Who holds a device: open nodes by process (proc(5), /proc/PID/fd), virtual functions in use, a running VM.

A held nvidia, snd_hda_intel or vfio-pci does not let go: the unbind blocks in the kernel until its holder is gone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vdesk.host.host import Host
from vdesk.host.pci import Device
from vdesk.host.storage import functions_of
from vdesk.model.address import Address
from vdesk.model.errors import Denied, HostError
from vdesk.model.number import is_number
from vdesk.model.record import Record

# In the order to unload them; the first two use nvidia for other devices: InfiniBand, GPUDirect Storage.
NVIDIA_MODULES = ("nvidia_peermem", "nvidia_fs", "nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia")
NVIDIA_SHARED = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
# class in sysfs, the folder of its nodes, how their names begin before a number; none: whatever it is called. Nodes of
# keyboards and mice (input, hidraw, hiddev) are not among them: a desktop has them all open for as long as it runs, and
# whether one may go is what the rule last-input asks.
NODES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sys/class/drm", "dev/dri", ("card", "renderD")),
    ("sys/class/sound", "dev/snd", ("controlC", "pcmC", "hwC", "midiC", "umpC", "comprC")),
    ("sys/class/block", "dev", ()),
    ("sys/class/graphics", "dev", ("fb",)),
    ("sys/class/i2c-dev", "dev", ("i2c-",)),  # the unbind waits for whoever has a monitor's bus open (i2c_del_adapter)
    ("sys/class/video4linux", "dev", ("video", "vbi", "radio", "swradio", "v4l-subdev")),
    ("sys/class/media", "dev", ("media",)),
    ("sys/class/tty", "dev", ("ttyUSB", "ttyACM")),
    ("sys/class/usbmisc", "dev", ("cdc-wdm",)),
    ("sys/class/usbmisc", "dev/usb", ("lp",)),
)
USB = "sys/bus/usb/devices"
COMPUTE = "/dev/kfd"  # one for all of amdgpu's cards
GONE = " (deleted)"  # an unbind takes the node away first, then waits for who has it open
UNIT = r"[A-Za-z0-9_@:.\\-]{1,200}\.service"


class Holder(Record):
    """A process that has a node of a function open; `command` is its short name, `user` a name or a number, `service`
    the systemd unit that it is of (empty: none), `own` whether that is one of the user's own."""

    address: Address
    pid: int
    command: str
    user: str
    node: str
    evidence: str
    service: str = ""
    own: bool = False


class Holding(Record):
    """The holders found, and how many processes this user may not look into."""

    holders: tuple[Holder, ...]
    unseen: int


def holding(host: Host, devices: Iterable[Device]) -> Holding:
    """Who holds the nodes of the functions, by address and process."""
    wanted = nodes(host, devices)
    if not wanted:
        return Holding((), 0)
    found: list[Holder] = []
    try:
        names, unseen = host.list("proc"), 0
    except HostError:
        names, unseen = [], 1  # none of them can be looked into
    for name in names:
        if is_number(name):
            try:
                found += _process(host, name, wanted)
            except Denied:
                unseen += bool(host.value(f"proc/{name}/cmdline", "?"))  # a kernel thread's is empty: it holds nothing
            except HostError:
                continue
    once = {(each.address, each.pid, each.node): each for each in sorted(found, reverse=True)}
    return Holding(tuple(sorted(once.values())), unseen)


def nodes(host: Host, devices: Iterable[Device]) -> dict[str, Address]:
    """Device node -> the function it belongs to, of functions that have a driver."""
    taken = {device.address: device for device in devices if device.driver and not device.is_bridge}
    found: dict[str, Address] = {}
    if any(not device.is_vfio for device in taken.values()):
        found = _by_class(host, taken)
    whole = not other_nvidia(host, taken)
    for device in taken.values():
        for node in _vfio(host, device) if device.is_vfio else _nvidia(host, device, whole):
            found[node] = device.address
        if device.driver == "amdgpu" and not _others(host, "amdgpu", taken):
            found[COMPUTE] = device.address
    return found


def virtual_functions(host: Host, device: Device) -> int:
    """How many virtual functions the function has made (Documentation/PCI/pci-iov-howto.rst)."""
    path = f"{device.path}/sriov_numvfs"
    try:
        text = (host.sysfs_read(path) or "").strip() if host.exists(path) else ""
    except HostError:
        return 0
    return int(text) if is_number(text) else 0


def _by_class(host: Host, taken: dict[Address, Device]) -> dict[str, Address]:
    found = {}
    for folder, place, stems in NODES:
        for name in host.names(folder):
            owner = _owner(host, f"{folder}/{name}", taken) if _is_node(name, stems) else None
            if owner:
                found[f"/{place}/{name}"] = owner
    return found | _by_function(host, taken) | _by_usb(host, taken)


def _by_usb(host: Host, taken: dict[Address, Device]) -> dict[str, Address]:
    """The nodes of whole USB devices, which programs without a driver in the kernel open (libusb): by the numbers of
    bus and device (usb_devnode(), drivers/usb/core/usb.c)."""
    found = {}
    for name in host.names(USB):
        numbers = [host.value(f"{USB}/{name}/{each}") for each in ("busnum", "devnum")] if ":" not in name else []
        owner = _owner(host, f"{USB}/{name}", taken) if numbers and all(map(is_number, numbers)) else None
        if owner:
            found[f"/dev/bus/usb/{int(numbers[0]):03}/{int(numbers[1]):03}"] = owner
    return found


def _by_function(host: Host, taken: dict[Address, Device]) -> dict[str, Address]:
    """The same from the functions' own folders: a small capture has no links in the classes."""
    found = {}
    for device in taken.values():
        cards = [f"{device.path}/sound/{card}" for card in host.names(f"{device.path}/sound")]
        for folder, (_, place, stems) in [(f"{device.path}/drm", NODES[0]), *((card, NODES[1]) for card in cards)]:
            for name in host.names(folder) if not device.is_vfio else ():
                if _is_node(name, stems):
                    found[f"/{place}/{name}"] = device.address
    return found


def _is_node(name: str, stems: tuple[str, ...]) -> bool:
    """Whether a name in a class is a node's: `card0` is, `card0-HDMI-A-1` is a connector. Without re: to compile a
    pattern for each class costs a command more than to read them."""
    rests = [name[len(stem) :] for stem in stems if name.startswith(stem)]
    return not stems or any(rest[:1].isdigit() and "-" not in rest for rest in rests)


def _owner(host: Host, path: str, taken: dict[Address, Device]) -> Address | None:
    """The function of `taken` that a thing in sysfs is on: by the text of its link, which says the whole place and is
    read at once; else by where it leads, or its `device`."""
    for find, place in ((host.link, path), (host.resolve, path), (host.resolve, f"{path}/device")):
        try:
            passed = functions_of(find(place) or "")
        except HostError:
            continue
        mine = [each for each in passed if each in taken and not taken[each].is_vfio]
        if mine or (passed and find == host.link):
            return mine[0] if mine else None
    return None


def _vfio(host: Host, device: Device) -> list[str]:
    """The nodes of the group and of the device that a VM opens (Documentation/driver-api/vfio.rst)."""
    found = [f"/dev/vfio/{device.group}"] if device.group is not None else []
    return found + [f"/dev/vfio/devices/{name}" for name in host.names(f"{device.path}/vfio-dev")]


def other_nvidia(host: Host, taken: Iterable[Address]) -> bool:
    """Whether the nvidia driver has cards besides those of `taken`: its modules then stay."""
    return _others(host, "nvidia", taken)


def _others(host: Host, driver: str, taken: Iterable[Address]) -> bool:
    gone = {str(address) for address in taken}
    return any(name.count(":") == 2 and name not in gone for name in host.names(f"sys/bus/pci/drivers/{driver}"))


def nvidia_modules(host: Host) -> tuple[str, ...]:
    """The NVIDIA modules that are loaded, in the order to unload them."""
    return tuple(name for name in NVIDIA_MODULES if host.exists(f"sys/module/{name}"))


def foreign_uses(host: Host, module: str) -> int:
    """How often a module is used by others than modules (Documentation/ABI/testing/sysfs-module); 0 where not told."""
    count = host.value(f"sys/module/{module}/refcnt")
    used = int(count) if is_number(count) else 0
    return max(0, used - len(host.names(f"sys/module/{module}/holders")))


def _nvidia(host: Host, device: Device, whole: bool) -> list[str]:
    """The card's own node, and with `whole` those of the driver; all cards' nodes where it does not tell which."""
    if device.driver != "nvidia":
        return []
    minor = ""
    for line in host.lines(f"proc/driver/nvidia/gpus/{device.address}/information"):
        if line.startswith("Device Minor:"):
            minor = line.partition(":")[2].strip()
    shared = [f"/dev/{name}" for name in NVIDIA_SHARED] if whole else []
    return shared + ([f"/dev/nvidia{minor}"] if minor else [f"/dev/nvidia{number}" for number in range(16)])


def _process(host: Host, pid: str, wanted: dict[str, Address]) -> list[Holder]:
    found = []
    for number in host.list(f"proc/{pid}/fd"):
        path = f"proc/{pid}/fd/{number}"
        target = (host.link(path) or "").removesuffix(GONE)
        if target in wanted:
            command = host.value(f"proc/{pid}/comm", "?")
            evidence = f"/{path} -> {target}"
            who, unit = _user(host, pid), _unit(host, pid)
            found.append(Holder(wanted[target], int(pid), command, who, target, evidence, *unit))
    return found


def _unit(host: Host, pid: str) -> tuple[str, bool]:
    """The unit of a process by its control group (cgroups(7)), and whether the user's own systemd has it."""
    for line in host.lines(f"proc/{pid}/cgroup"):
        control, _, path = line.partition(":")[2].partition(":")
        parts = path.split("/")
        own = any(part.startswith("user@") for part in parts)
        if control in ("", "name=systemd") and re.fullmatch(UNIT, parts[-1]) and not parts[-1].startswith("user@"):
            return parts[-1], own
    return "", False


def _user(host: Host, pid: str) -> str:
    uid = ""
    for line in host.lines(f"proc/{pid}/status"):
        if line.startswith("Uid:"):
            uid = line.split()[1]
    for line in host.lines("etc/passwd"):
        words = line.split(":")
        if len(words) > 2 and words[2] == uid:
            return words[0]
    return uid or "?"
