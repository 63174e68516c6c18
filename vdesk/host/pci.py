"""The PCI functions of a machine, from sysfs (Documentation/ABI/testing/sysfs-bus-pci)."""

from __future__ import annotations

from typing import Any

from vdesk.host.host import Host
from vdesk.host.names import Names, modules_for
from vdesk.model.address import Address, find_address
from vdesk.model.errors import Denied, GroupsUnknown, HostError, WrongUsage, problem
from vdesk.model.number import is_number
from vdesk.model.record import Record

DEVICES = "sys/bus/pci/devices"
GROUPS = "sys/kernel/iommu_groups"
GPU_CLASSES = ("0300", "0302", "0380")
VFIO_DRIVERS = ("vfio-pci",)


class Device(Record):
    """One PCI function. Ids are strings of hex digits without 0x; `pci_class` has six (class, subclass, interface)."""

    address: Address
    pci_class: str
    vendor: str
    device: str
    subsystem: str
    driver: str | None
    group: int | None
    boot_vga: bool
    reset: tuple[str, ...]
    header: int
    numa_node: int
    name: str = ""
    class_name: str = ""
    modules: tuple[str, ...] = ()

    @property
    def is_gpu(self) -> bool:
        """Display controllers: VGA (0300), 3D (0302), other (0380)."""
        return self.pci_class[:4] in GPU_CLASSES

    @property
    def is_bridge(self) -> bool:
        """Bridges: by class 06, or by a header that is no endpoint's."""
        return self.pci_class.startswith("06") or self.header in (1, 2)

    @property
    def is_vfio(self) -> bool:
        """Whether vfio-pci, or one of its variant drivers, has it."""
        return self.driver in VFIO_DRIVERS or bool(self.driver and "vfio" in self.driver)

    @property
    def ids(self) -> str:
        """`[10de:1402]`, as lspci -nn writes it."""
        return f"[{self.vendor}:{self.device}]"

    @property
    def path(self) -> str:
        """Its folder in sysfs."""
        return f"{DEVICES}/{self.address}"

    def as_json(self) -> dict[str, Any]:
        """The device with the keys of the contract."""
        return {
            "address": str(self.address),
            "class": self.pci_class[:4],
            "class_name": self.class_name,
            "vendor": self.vendor,
            "device": self.device,
            "subsystem": self.subsystem,
            "name": self.name,
            "driver": self.driver,
            "modules": list(self.modules),
            "group": self.group,
            "boot_vga": self.boot_vga,
            "reset": list(self.reset),
            "bridge": self.is_bridge,
        }


def addresses(host: Host) -> list[Address]:
    """Every function of the machine, in order; none when sysfs has no PCI."""
    found = (find_address(name) for name in host.list(DEVICES))
    return sorted(address for address in found if address is not None)


def devices(host: Host, *, names: bool = True) -> list[Device]:
    """Every function; `names` also looks up pci.ids and the modules that could drive it."""
    book = Names(host) if names else None
    found = []
    for address in addresses(host):
        device = read_device(host, address, book)
        if device is not None:
            found.append(device)
    return _grouped(host, found)


def _grouped(host: Host, known: list[Device]) -> list[Device]:
    """Devices without a link to their group (a small capture has one of the two links) by the groups' own lists."""
    if all(device.group is not None for device in known):
        return known
    groups = {
        name: int(group)
        for group in host.names(GROUPS)
        if is_number(group)
        for name in host.names(f"{GROUPS}/{group}/devices")
    }
    return [
        device if device.group is not None else device._replace(group=groups.get(str(device.address)))
        for device in known
    ]


def read_device(host: Host, address: Address, book: Names | None = None) -> Device | None:
    """One function, or None when it is gone (a device can vanish while the bus is read)."""
    folder = f"{DEVICES}/{address}"
    vendor, device = _hex(host, folder, "vendor"), _hex(host, folder, "device")
    pci_class = _hex(host, folder, "class", 6) or "000000"
    if not vendor or not device:
        return None
    sub_vendor, sub_device = _hex(host, folder, "subsystem_vendor"), _hex(host, folder, "subsystem_device")
    group = _group(host, f"{folder}/iommu_group")
    modules = modules_for(host, host.value(f"{folder}/modalias")) if book else ()
    return Device(
        address,
        pci_class,
        vendor,
        device,
        f"{sub_vendor}:{sub_device}" if sub_vendor and sub_device else "",
        host.link_name(f"{folder}/driver"),
        int(group) if group and is_number(group) else None,
        host.value(f"{folder}/boot_vga") == "1",
        tuple(host.value(f"{folder}/reset_method").split()),
        _header(host, folder, pci_class),
        _number(host.value(f"{folder}/numa_node"), -1),
        book.device(vendor, device) if book else "",
        book.class_name(pci_class) if book else "",
        modules,
    )


def _group(host: Host, path: str) -> str | None:
    try:
        return host.link_name(path)
    except Denied as error:
        raise groups_unknown(error) from error


def groups_unknown(error: Denied) -> GroupsUnknown:
    """The error where the groups are there and cannot be read."""
    return GroupsUnknown(f"/{GROUPS}", error.cause, f"the IOMMU groups (/{GROUPS}) could not be read")


ONE_DIGIT = 0.9  # of twelve signs one is another, or two have changed places


def find(known: list[Device], address: Address) -> Device:
    """The device at the address; WrongUsage when there is none."""
    for device in known:
        if device.address == address:
            return device
    from vdesk.model.near import did_you_mean

    near = did_you_mean(str(address), (str(each.address) for each in known if not each.is_bridge), ONE_DIGIT)
    raise WrongUsage(
        problem(
            "usage.no-device",
            f"there is no device {address}",
            "sysfs has no such PCI function",
            f"{near}list the devices of this machine with: vdesk groups",
        )
    )


def _hex(host: Host, folder: str, name: str, digits: int = 4) -> str:
    """The attribute's hex digits without 0x, as many as it has in sysfs; empty for what is no such number."""
    text = host.value(f"{folder}/{name}").removeprefix("0x").lower()
    good = 0 < len(text) <= digits and all(digit in "0123456789abcdef" for digit in text)
    return text.zfill(digits) if good else ""


def _number(text: str, default: int) -> int:
    try:
        return int(text)
    except ValueError:
        return default


def _header(host: Host, folder: str, pci_class: str) -> int:
    """Header type: byte 0x0e of the configuration space; only bridges can have another than 0, so only they are
    read."""
    if not pci_class.startswith("06"):
        return 0
    try:
        config = host.read_bytes(f"{folder}/config", 1 << 16)
    except HostError:
        return 1 if pci_class.startswith("0604") else 0
    return config[14] & 0x7F if len(config) > 14 else 0
