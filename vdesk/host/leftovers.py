"""What else than vdesk binds devices at every boot: ids for vfio-pci on the kernel command line, in modprobe's
configuration and in lists of modules, programs that run before it is loaded, and driverctl's overrides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vdesk.host import cmdline
from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.host.pci import Device
from vdesk.model.address import Address, find_address
from vdesk.model.errors import HostError
from vdesk.model.record import Record

MODPROBE = ("etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d")
LISTS = ("etc/modules", "etc/initramfs-tools/modules", "etc/mkinitcpio.conf")
LIST_FOLDERS = ("etc/modules-load.d", "etc/dracut.conf.d", "etc/mkinitcpio.conf.d")
DRIVERCTL = "etc/driverctl.d"
IDS, PROGRAM, OVERRIDE = "ids", "program", "override"


class Line(Record):
    """A line of a configuration about vfio: `/path:number`, and its text."""

    place: str
    text: str


class Leftover(Record):
    """One such setting: its kind, the file and the line, what they say. `ids` are `vendor:device,...`; `address` and
    `driver` are those of an override of driverctl's."""

    kind: str
    place: str
    text: str
    ids: str = ""
    address: Address | None = None
    driver: str = ""

    @property
    def file(self) -> str:
        """The file alone."""
        return re.sub(r":\d+$", "", self.place)

    @property
    def way_out(self) -> str:
        """How to take it out; modprobe's configuration is in the initramfs too."""
        if self.kind == OVERRIDE:
            return f"sudo driverctl unset-override {self.address}"
        if self.file == f"/{cmdline.PATH}":
            return f"take vfio-pci.ids={self.ids} out of the kernel command line"
        return f"take the line out of {self.file}, and build the initramfs again"


def lines(host: Host) -> Iterator[Line]:
    """The lines of modprobe's configuration and of the lists of modules to load that name vfio, comments left out."""
    seen: set[str] = set()
    places = [*LISTS]
    for folder in (*MODPROBE, *LIST_FOLDERS):
        places += [f"{folder}/{name}" for name in host.names(folder) if name.endswith(".conf")]
    for path in places:
        try:
            real = host.resolve(path)
            text = host.read(path, 1 << 20) if real not in seen else ""
        except HostError:
            continue
        seen.add(real)
        for number, line in enumerate(text.splitlines(), 1):
            if "vfio" in line and not line.lstrip().startswith("#"):
                yield Line(f"/{path}:{number}", printable(line.strip(), 200))


def in_files(host: Host, found: Iterable[Line]) -> list[Leftover]:
    """The leftovers in files; `found` are the lines that `lines` returns."""
    return [each for line in found if (each := _of_line(line))] + list(_overrides(host))


def every(host: Host) -> list[Leftover]:
    """Those in files, and those that the kernel was booted with."""
    booted = cmdline.values(cmdline.booted(host) or (), "vfio-pci.ids")
    arguments = [Leftover(IDS, f"/{cmdline.PATH}", f"vfio-pci.ids={each}", each) for each in booted]
    return arguments + in_files(host, lines(host))


def _of_line(line: Line) -> Leftover | None:
    """`options vfio-pci ids=...` and, in a list of modules, `vfio-pci ids=...` (modprobe.d(5), modules(5)); `install`
    of a program that is not there to forbid the module."""
    ids = re.match(r"(?:options\s+)?vfio[-_]pci\s(?:.*\s)?ids=\"?([^\s\"]+)", line.text)
    if ids:
        return Leftover(IDS, line.place, line.text, ids.group(1))
    if re.match(r"install\s+vfio[-_]pci\s+(?!\S*/(?:false|true)\b)\S", line.text):
        return Leftover(PROGRAM, line.place, line.text)
    return None


def _overrides(host: Host) -> Iterator[Leftover]:
    """What driverctl sets as a device appears: a file for each, named by bus and address (driverctl(8))."""
    for name in host.names(DRIVERCTL):
        address = find_address(name.removeprefix("pci-")) if name.startswith("pci-") else None
        driver = printable(host.value(f"{DRIVERCTL}/{name}"), 60)
        if address and driver:
            yield Leftover(OVERRIDE, f"/{DRIVERCTL}/{name}", driver, "", address, driver)


def taken(leftover: Leftover, devices: Iterable[Device]) -> list[Device]:
    """The devices that it takes at boot; none of a program, which nobody can tell."""
    if leftover.kind == OVERRIDE:
        return [device for device in devices if device.address == leftover.address]
    return by_ids(leftover.ids, devices)


def by_ids(ids: str, devices: Iterable[Device]) -> list[Device]:
    """The devices of `vendor:device[:subvendor[:subdevice[:class[:mask]]]],...` (drivers/vfio/pci/vfio_pci.c); the
    class is not looked at. Numbers of ids are hexadecimal, and need not have four digits."""
    wanted = [re.match(r"(?:[0-9a-f]+(?::|$)){0,4}", each.strip().lower()) for each in ids.split(",")]
    parts = [found[0].rstrip(":").split(":") for found in wanted if found]
    return [device for device in devices if any(len(each) > 1 and _is(device, each) for each in parts)]


def _is(device: Device, wanted: list[str]) -> bool:
    whole = [device.vendor, device.device, *device.subsystem.split(":")]
    return len(whole) >= len(wanted) and all(
        each == "ffffffff" or each.zfill(4) == real
        for each, real in zip(wanted, whole, strict=False)
    )
