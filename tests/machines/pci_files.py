"""sysfs of PCI functions, drivers and IOMMU groups (Documentation/ABI/testing/sysfs-bus-pci, -kernel-iommu_groups)."""

from __future__ import annotations

import posixpath
import struct

from tests.machines.parts import Link, Machine, Pci, Tree

ROOT_BUS = "sys/devices/pci0000:00"


def relative(place: str, target: str) -> Link:
    """The text of a link at `place` to `target`, both from the root, as the kernel makes them."""
    return Link(posixpath.relpath("/" + target, "/" + posixpath.dirname(place)))


def paths(machine: Machine) -> dict[str, str]:
    """Address -> folder in sys/devices, through the bridges above it."""
    found: dict[str, str] = {}
    for device in machine.pci:
        above = found[device.behind] if device.behind else ROOT_BUS
        found[device.address] = f"{above}/{device.name}"
    return found


def modalias(device: Pci) -> str:
    """The alias that modules are chosen by."""
    vendor, product = device.ids.upper().split(":")
    sub_vendor, sub_device = (device.subsystem or device.ids).upper().split(":")
    cls = device.pci_class.upper()
    return f"pci:v0000{vendor}d0000{product}sv0000{sub_vendor}sd0000{sub_device}bc{cls[:2]}sc{cls[2:4]}i{cls[4:]}"


def config_space(device: Pci, secondary: int) -> bytes:
    """The first 64 bytes of the configuration space: as much as a normal user may read."""
    vendor, product = (int(each, 16) for each in device.ids.split(":"))
    cls = bytes.fromhex(device.pci_class)
    multi = 0x80 if device.address.split(":")[-1].startswith(("1c.", "1d.")) else 0
    header = (1 if device.is_bridge else 0) | multi
    start = struct.pack(
        "<HHHHBBBBBBBB",
        vendor,
        product,
        0x0407,
        0x0010,
        int(device.revision, 16),
        cls[2],
        cls[1],
        cls[0],
        0x10,
        0,
        header,
        0,
    )
    body = bytearray(start.ljust(64, b"\0"))
    if device.is_bridge:
        body[0x18:0x1B] = bytes((int(device.address.split(":")[-2], 16), secondary, secondary))
    body[0x34] = 0x40
    return bytes(body)


def attributes(device: Pci) -> dict[str, str]:
    """The text attributes of one function."""
    vendor, product = device.ids.split(":")
    sub_vendor, sub_device = (device.subsystem or device.ids).split(":")
    found = {
        "vendor": f"0x{vendor}",
        "device": f"0x{product}",
        "class": f"0x{device.pci_class}",
        "subsystem_vendor": f"0x{sub_vendor}",
        "subsystem_device": f"0x{sub_device}",
        "revision": f"0x{device.revision}",
        "modalias": modalias(device),
        "driver_override": "(null)",
        "numa_node": str(device.numa),
        "enable": "1" if device.driver else "0",
        "power_state": device.power,
        "d3cold_allowed": "1",
        "power/control": device.control,
        "power/runtime_status": "active" if device.power == "D0" else "suspended",
    }
    if device.boot_vga is not None:
        found["boot_vga"] = "1" if device.boot_vga else "0"
    if device.reset:
        found["reset_method"] = device.reset
    if device.vfs:
        found["sriov_totalvfs"], found["sriov_numvfs"] = (str(each) for each in device.vfs)
    return found


def write_devices(machine: Machine, tree: Tree) -> None:
    """Every function below sys/devices, its entry on the bus, and its driver."""
    places = paths(machine)
    buses = {each.behind: int(each.address.split(":")[-2], 16) for each in machine.pci if each.behind}
    for device in machine.pci:
        folder = places[device.address]
        for name, text in attributes(device).items():
            tree[f"{folder}/{name}"] = text + "\n"
        if device.pci_class.startswith("06"):
            tree[f"{folder}/config"] = config_space(device, buses.get(device.address, 0))
        if device.rom is not None:
            tree[f"{folder}/rom"] = device.rom
        tree[f"{folder}/subsystem"] = relative(f"{folder}/subsystem", "sys/bus/pci")
        entry = f"sys/bus/pci/devices/{device.name}"
        tree[entry] = relative(entry, folder)
        if device.driver:
            _bind(tree, device, folder)
    for name in ("drivers_probe", "rescan"):
        tree[f"sys/bus/pci/{name}"] = ""
    tree["sys/bus/pci/drivers/pcieport/bind"] = ""
    _vfio(machine, tree)


def _bind(tree: Tree, device: Pci, folder: str) -> None:
    driver = f"sys/bus/pci/drivers/{device.driver}"
    tree[f"{folder}/driver"] = relative(f"{folder}/driver", driver)
    tree[f"{driver}/{device.name}"] = relative(f"{driver}/{device.name}", folder)
    for name in ("bind", "unbind", "new_id", "remove_id"):
        tree[f"{driver}/{name}"] = ""


def _vfio(machine: Machine, tree: Tree) -> None:
    if machine.distribution.vfio_built_in or any(each.driver == "vfio-pci" for each in machine.pci):
        for name in ("bind", "unbind", "new_id", "remove_id"):
            tree[f"sys/bus/pci/drivers/vfio-pci/{name}"] = ""
        tree["sys/module/vfio_pci/parameters/ids"] = "\n"


def write_groups(machine: Machine, tree: Tree) -> None:
    """sys/kernel/iommu_groups and the iommu_group links; nothing but the empty folder where the kernel uses none."""
    if not machine.active:
        tree["sys/kernel/iommu_groups"] = None
        return
    places = paths(machine)
    kind = "identity" if "iommu=pt" in machine.arguments.split() else "DMA-FQ"
    for device in machine.pci:
        if device.group is None:
            continue
        folder, group = places[device.address], f"sys/kernel/iommu_groups/{device.group}"
        entry = f"{group}/devices/{device.name}"
        tree[entry] = relative(entry, folder)
        tree[f"{folder}/iommu_group"] = relative(f"{folder}/iommu_group", group)
        tree[f"{group}/type"] = kind + "\n"
        tree[f"{group}/reserved_regions"] = _reserved(machine, device, tree.get(f"{group}/reserved_regions"))


def _reserved(machine: Machine, device: Pci, before: object) -> str:
    msi = "0x00000000fee00000 0x00000000feefffff msi\n"
    if machine.iommu == "ivrs":
        msi += "0x000000fd00000000 0x000000ffffffffff reserved\n"
    rmrr = ""
    if machine.iommu == "dmar" and device.pci_class.startswith(("0c03", "0300")) and not device.behind:
        rmrr = "0x000000007b800000 0x000000007fffffff direct-relaxable\n"
    return before if isinstance(before, str) and not rmrr else rmrr + msi


def write_units(machine: Machine, tree: Tree) -> None:
    """sys/class/iommu: a unit per DMAR or IVHD, made only after the kernel has started it."""
    if not machine.active:
        tree["sys/class/iommu"] = None
        return
    if machine.iommu == "ivrs":
        unit = f"{ROOT_BUS}/0000:00:00.2/iommu/ivhd0"
        tree[f"{unit}/amd-iommu/features"] = "58f77ef22294ade\n"
        tree[f"{unit}/amd-iommu/cap"] = "40\n"
        tree["sys/class/iommu/ivhd0"] = relative("sys/class/iommu/ivhd0", unit)
        return
    for number, base in enumerate(("fed90000", "fed91000")):
        unit = f"sys/devices/virtual/iommu/dmar{number}"
        for name, text in (("address", base), ("cap", "d2008c40660462"), ("ecap", "f050da"), ("version", "1:0")):
            tree[f"{unit}/intel-iommu/{name}"] = text + "\n"
        tree[f"sys/class/iommu/dmar{number}"] = relative(f"sys/class/iommu/dmar{number}", unit)
