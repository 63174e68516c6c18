"""Machines that differ from the article's in one thing: firmware, kernel, what is installed, or where it is plugged."""

from __future__ import annotations

from dataclasses import replace

from tests.machines.article import (
    DEFAULTS,
    LAST,
    STARTED,
    TABLES,
    UNITS,
    VGA,
    article,
    desktop,
    gop_rom,
    joins,
)
from tests.machines.parts import Card, Distribution, Machine, Mount, Nic, Pci, Stacked
from tests.machines.software_files import installed

DEBIAN_13 = Distribution(
    "debian",
    "Debian GNU/Linux 13 (trixie)",
    "13",
    "trixie",
    "6.12.107+deb13-amd64",
    config="CONFIG_INTEL_IOMMU=y\nCONFIG_INTEL_IOMMU_DEFAULT_ON_INTGPU_OFF=y\nCONFIG_IRQ_REMAP=y\nCONFIG_VFIO_PCI=m\n",
    quiet="quiet",
)
DEBIAN_12 = replace(
    DEBIAN_13, name="Debian GNU/Linux 12 (bookworm)", version="12", codename="bookworm", kernel="6.1.0-37-amd64"
)
QEMU_10 = installed("10.0.2 (Debian 1:10.0.2+ds-2+deb13u1)", "11.3.0")


def debian() -> Machine:
    """The article's devices under Debian 13, whose kernel turns VT-d on by itself; the base of the others."""
    before = article()
    pci = desktop(groups=True)
    files = {
        path: text
        for path, text in before.files.items()
        if "prime" not in path and "modprobe" not in path and "init-select" not in path
    }
    pci = tuple(replace(each, driver="nouveau") if each.address == "01:00.0" else each for each in pci)
    idle = Card(
        1, "01:00.0", {"DVI-I-1": ("disconnected", "disabled"), "HDMI-A-2": ("disconnected", "disabled")}, render=129
    )
    return replace(
        before,
        title="The article's devices under Debian 13, VT-d on",
        distribution=DEBIAN_13,
        pci=pci,
        active=True,
        cards=(*before.cards, idle),
        log=(*TABLES, *UNITS, *DEFAULTS, *VGA, *STARTED, *joins(pci), LAST),
        software=QEMU_10,
        files=files,
    )


def _without_groups(machine: Machine) -> tuple[Pci, ...]:
    return tuple(replace(each, group=None) for each in machine.pci)


def no_iommu() -> Machine:
    """VT-d off in the firmware: no DMAR table."""
    base = debian()
    return replace(
        base, title="VT-d off in the firmware", pci=_without_groups(base), iommu="", active=False, log=(*DEFAULTS, *VGA)
    )


def off_in_kernel() -> Machine:
    """A person switched it off: intel_iommu=off."""
    base = debian()
    log = (*TABLES, "DMAR: IOMMU disabled", *UNITS, *DEFAULTS, *VGA)
    return replace(
        base, title="intel_iommu=off", pci=_without_groups(base), active=False, arguments="intel_iommu=off", log=log
    )


def no_irq_remap() -> Machine:
    """An IOMMU that remaps no interrupts."""
    base = debian()
    units = tuple(each for each in UNITS if not each.startswith("DMAR-IR"))
    log = (
        *TABLES,
        *units,
        "DMAR-IR: Not enabling interrupt remapping",
        *DEFAULTS,
        *VGA,
        *STARTED,
        *joins(base.pci),
        LAST,
    )
    return replace(base, title="No interrupt remapping", arguments="intremap=off", log=log)


def no_tpm() -> Machine:
    """No swtpm, and no firmware with keys enrolled."""
    software = replace(
        installed("10.0.2 (Debian 1:10.0.2+ds-2+deb13u1)", "11.3.0", tpm=False), firmware=("60-edk2-x86_64",)
    )
    return replace(debian(), title="No emulated TPM, no Secure Boot firmware", software=software)


def old_libvirt() -> Machine:
    """Debian 11's libvirt and QEMU, below what vdesk needs."""
    about = replace(
        DEBIAN_13, name="Debian GNU/Linux 11 (bullseye)", version="11", codename="bullseye", kernel="5.10.0-35-amd64"
    )
    return replace(
        debian(),
        title="Old libvirt",
        distribution=about,
        software=installed("5.2.0 (Debian 1:5.2+dfsg-11+deb11u3)", "7.0.0"),
    )


def single_gpu() -> Machine:
    """The GeForce is the only card: it drives the desktop."""
    base = debian()
    pci = tuple(
        replace(each, boot_vga=True if each.address == "01:00.0" else each.boot_vga)
        for each in base.pci
        if each.address != "00:02.0"
    )
    card = Card(
        0, "01:00.0", {"HDMI-A-1": ("connected", "enabled"), "DP-1": ("disconnected", "disabled")}, "nouveaudrmfb", 128
    )
    return replace(base, title="One graphics card", pci=pci, cards=(card,))


def shared_group() -> Machine:
    """A slot without isolation: the GeForce, its audio, the network card and the root disk in one group."""
    base = debian()
    moved = {"01:00.0", "01:00.1", "00:01.0", "00:1c.0", "02:00.0", "00:1d.0", "03:00.0"}
    pci = tuple(replace(each, group=1) if each.address in moved else each for each in base.pci)
    nic = Pci("04:00.0", "8086:10d3", "020000", "e1000e", 1, "00:1e.0", "8086:a01f", None, "flr pm bus")
    port = Pci("00:1e.0", "8086:a114", "060400", "pcieport", 1, subsystem="1043:8694", revision="f1")
    pci = tuple(sorted((*pci, port, nic), key=lambda each: each.address))
    nics = (
        Nic("enp4s0", "04:00.0"),
        Nic("enp0s31f6", "00:1f.6"),
        Nic("br0", kind="bridge", members=("enp4s0",), default=True),
    )
    log = (*TABLES, *UNITS, *DEFAULTS, *VGA, *STARTED, *joins(pci), LAST)
    return replace(base, title="Everything in one group", pci=pci, nics=nics, log=log)


def identical_gpus() -> Machine:
    """Two cards of one model; the first drives the desktop."""
    base = debian()
    kept = [each for each in base.pci if each.address not in ("00:02.0", "01:00.0", "01:00.1", "02:00.0")]
    cards = []
    for bus, group, behind in (("01", 1, "00:01.0"), ("02", 9, "00:1c.0")):
        rom = gop_rom(0x10DE, 0x1C03)
        cards.append(
            Pci(
                f"{bus}:00.0",
                "10de:1c03",
                "030000",
                "nouveau",
                group,
                behind,
                "1462:3283",
                bus == "01",
                "bus",
                "a1",
                rom=rom,
            )
        )
        cards.append(
            Pci(f"{bus}:00.1", "10de:10f1", "040300", "snd_hda_intel", group, behind, "1462:3283", None, "bus", "a1")
        )
    pci = tuple(sorted((*kept, *cards), key=lambda each: each.address))
    screens = (
        Card(0, "01:00.0", {"HDMI-A-1": ("connected", "enabled")}, "nouveaudrmfb", 128),
        Card(1, "02:00.0", {"HDMI-A-2": ("disconnected", "disabled")}, "", 129),
    )
    return replace(
        base, title="Two cards of one model", pci=pci, cards=screens, log=(*TABLES, *UNITS, *STARTED, *joins(pci), LAST)
    )


def lvm_crypt_raid() -> Machine:
    """Root on LVM on LUKS on a RAID 1 of the NVMe and the SATA disk; the network goes through a bond."""
    base = debian()
    nvme, sata = base.disks
    disks = (nvme, replace(sata, partitions=(("sda1", "8:1", 975720448),)))
    stacked = (
        Stacked("md0", "9:0", ("nvme0n1p2", "sda1"), 975588352, level="raid1"),
        Stacked("dm-0", "253:0", ("md0",), 975586304, "md0_crypt", "CRYPT-LUKS2-0-md0_crypt"),
        Stacked("dm-1", "253:1", ("dm-0",), 900000000, "vg-root", "LVM-0"),
        Stacked("dm-2", "253:2", ("dm-0",), 8388608, "vg-swap", "LVM-1"),
        Stacked("dm-3", "253:3", ("dm-0",), 60000000, "vg-windows", "LVM-2"),
    )
    mounts = (Mount("253:1", "/dev/mapper/vg-root", "/"), Mount("259:1", "/dev/nvme0n1p1", "/boot/efi", "vfat"))
    nics = (Nic("enp0s31f6", "00:1f.6"), Nic("bond0", kind="bond", members=("enp0s31f6",), default=True))
    return replace(
        base,
        title="Root on LVM, LUKS and RAID",
        disks=disks,
        stacked=stacked,
        mounts=mounts,
        swaps=("/dev/dm-2",),
        nics=nics,
    )


def sriov() -> Machine:
    """A network card with two active virtual functions; the default route is elsewhere."""
    base = debian()
    kept = [each for each in base.pci if each.address != "02:00.0"]
    new = [
        Pci("02:00.0", "8086:1521", "020000", "igb", 9, "00:1c.0", "8086:00a1", None, "flr pm bus", "01", vfs=(7, 2))
    ]
    new += [
        Pci(f"02:10.{fn}", "8086:1520", "020000", "igbvf", 11 + fn // 4, "00:1c.0", "8086:00a1", None, "flr", "01")
        for fn in (0, 4)
    ]
    pci = tuple(sorted((*kept, *new), key=lambda each: each.address))
    nics = (*base.nics, Nic("enp2s0f0", "02:00.0", up=False))
    return replace(base, title="A network card with virtual functions", pci=pci, nics=nics)


def usb_only_input() -> Machine:
    """Keyboard and mouse hang on the ASM1042."""
    base = debian()
    usb = tuple(replace(each, controller="02:00.0", port=each.port.replace("1-", "2-")) for each in base.usb)
    return replace(base, title="The only keyboard and mouse on the add-in controller", usb=usb)


def handed_over() -> Machine:
    """The GeForce and its audio are on vfio-pci already."""
    base = debian()
    pci = tuple(replace(each, driver="vfio-pci") if each.address.startswith("01:") else each for each in base.pci)
    files = {**base.files}
    for address in ("0000:01:00.0", "0000:01:00.1"):
        files[f"sys/devices/pci0000:00/0000:00:01.0/{address}/driver_override"] = "vfio-pci\n"
    return replace(base, title="The card is on vfio-pci", pci=pci, cards=base.cards[:1], files=files)
