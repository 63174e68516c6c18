"""Named sets of QEMU devices: what kind of desktop the lab machine is.

Addresses are fixed where it matters. Every machine has the root disk, the command channel at 00:05.0 and an empty CD
drive on the chipset's AHCI; `article` is the machine of the original article and the others are stated as what differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

INTEL = "intel-iommu,intremap=on"
ROOT_DISK = "virtio-blk-pci,drive=root,addr=04.0"
BOOT_VGA = ("-device", "VGA,addr=02.0")
NO_ACS = ",disable-acs=on"


def port(name: str, addr: str, slot: int, options: str = "") -> tuple[str, ...]:
    """Return a PCI Express root port."""
    return ("-device", f"pcie-root-port,id={name},bus=pcie.0,chassis={slot},slot={slot},addr={addr}{options}")


def gpu(bus: str, name: str, slot: str = "00") -> tuple[str, ...]:
    """Return a graphics card as it comes: VGA (1002:5046) and its HDMI audio (8086:293e) in one slot."""
    return (
        "-device", f"ati-vga,bus={bus},addr={slot}.0,multifunction=on",
        "-device", f"ich9-intel-hda,id={name},bus={bus},addr={slot}.1",
        "-audiodev", f"none,id={name}-out", "-device", f"hda-output,bus={name}.0,audiodev={name}-out",
    )  # fmt: skip


def xhci(bus: str, *inputs: str) -> tuple[str, ...]:
    """Return a USB 3 controller with these input devices."""
    devices: tuple[str, ...] = ("-device", f"nec-usb-xhci,id=xhci,bus={bus}")
    for device in inputs:
        devices += ("-device", f"{device},bus=xhci.0")
    return devices


def nic(bus: str, model: str = "e1000e", where: str = "") -> tuple[str, ...]:
    """Return a network card with a default route and no way out."""
    return ("-netdev", "user,id=net0,restrict=on", "-device", f"{model},netdev=net0,bus={bus}{where}")


@dataclass(frozen=True)
class Topology:
    """What a machine is made of, as words for QEMU's command line."""

    about: str
    devices: Sequence[str]
    iommu: str | None = INTEL
    boot_vga: Sequence[str] = BOOT_VGA
    root_disk: str = ROOT_DISK
    machine: str = "q35"
    processors: int = 2
    can_save: bool = True  # QEMU cannot save a running NVMe drive: cold boot


USB_AND_NIC = (*port("rp2", "1c.0", 2), *xhci("rp2"), *port("rp3", "1d.0", 3), *nic("rp3"))
ARTICLE = Topology(
    "GPU 01:00.0 + audio 01:00.1, USB controller 02:00.0, network card 03:00.0, each behind its own root port; "
    "the primary graphics is 00:02.0",
    (*port("rp1", "01.0", 1), *gpu("rp1", "hdmi"), *USB_AND_NIC),
)

# No AMD: QEMU's amd-iommu does not boot Debian 13 under TCG in any form tried. AMD states need recorded trees (--root).
TOPOLOGIES: dict[str, Topology] = {
    "article": ARTICLE,
    "four-cores": replace(
        ARTICLE, about="the article's devices, four cores: two of them can be a guest's", processors=4
    ),
    "identical-gpus": Topology(
        "two cards of the same vendor:device, 01:00 and 02:00, each behind its own root port",
        (*port("rp1", "01.0", 1), *gpu("rp1", "hdmi"), *port("rp4", "03.0", 4), *gpu("rp4", "hdmi2"), *USB_AND_NIC),
    ),
    "shared-group": Topology(
        "GPU, network card and root disk behind root ports of one slot without ACS: one group for all",
        (
            *port("rp1", "1c.0", 1, NO_ACS + ",multifunction=on"), *gpu("rp1", "hdmi"),
            *port("rp2", "1c.1", 2, NO_ACS), *nic("rp2"), *port("rp3", "1c.2", 3, NO_ACS),
            *port("rp4", "1d.0", 4), *xhci("rp4"),
        ),
        root_disk="virtio-blk-pci,drive=root,bus=rp3",
    ),
    "pci-bridge": Topology(
        "GPU and network card behind a PCIe-to-PCI bridge: they share the bridge's requester ID, so one group",
        (
            *port("rp1", "01.0", 1), "-device", "pcie-pci-bridge,id=pci1,bus=rp1", *gpu("pci1", "hdmi", "01"),
            *nic("pci1", "e1000", ",addr=02.0"), *port("rp2", "1c.0", 2), *xhci("rp2"),
        ),
    ),
    "bridge-in-group": Topology(
        "the GPU's root port has no ACS, so the port itself is in the GPU's group: still viable",
        (*port("rp1", "01.0", 1, NO_ACS), *gpu("rp1", "hdmi"), *USB_AND_NIC),
    ),
    "no-irq-remap": replace(
        ARTICLE, about="the article's devices, IOMMU without interrupt remapping", iommu="intel-iommu,intremap=off"
    ),
    "no-iommu": replace(ARTICLE, about="the article's devices, IOMMU off in firmware: no DMAR table", iommu=None),
    "nvme-root": Topology(
        "the root disk is an NVMe drive, 04:00.0",
        (*ARTICLE.devices, *port("rp4", "1e.0", 4)),
        root_disk="nvme,drive=root,serial=lab,bus=rp4", can_save=False,
    ),
    "sriov": Topology(
        "the network card 03:00.0 is an igb that can make 7 virtual functions (QEMU 8.0 or later)",
        (
            *port("rp1", "01.0", 1), *gpu("rp1", "hdmi"), *port("rp2", "1c.0", 2), *xhci("rp2"),
            *port("rp3", "1d.0", 3), *nic("rp3", "igb"),
        ),
    ),
    "single-gpu": replace(ARTICLE, about="01:00.0 is the only graphics and so the boot VGA", boot_vga=()),
    "usb-only-input": Topology(
        "no PS/2: keyboard and mouse hang on the USB controller 02:00.0",
        (
            *port("rp1", "01.0", 1), *gpu("rp1", "hdmi"), *port("rp2", "1c.0", 2), *xhci("rp2", "usb-kbd", "usb-mouse"),
            *port("rp3", "1d.0", 3), *nic("rp3"),
        ),
        machine="q35,i8042=off",
    ),
}  # fmt: skip
