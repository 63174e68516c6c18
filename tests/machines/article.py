"""The article's desktop: a Core i7-6700 whose own graphics show the desktop, a GeForce GTX 950 for Windows, an ASM1042.

Ubuntu 22.04 with its first kernel, which does not turn VT-d on by itself. `prime-select intel` was run: nvidia and
nouveau are blacklisted, so the GeForce has no driver and nobody holds it."""

from __future__ import annotations

import struct
from dataclasses import replace

from tests.machines.parts import Card, Cpu, Disk, Distribution, Holder, Machine, Mount, Nic, Pci, Tree, Usb
from tests.machines.software_files import installed

INTEL_FLAGS = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush dts acpi mmx fxsr sse "
    "sse2 ss ht tm pbe syscall nx pdpe1gb rdtscp lm constant_tsc arch_perfmon pebs bts rep_good nopl "
    "xtopology nonstop_tsc cpuid aperfmperf pni pclmulqdq dtes64 monitor ds_cpl vmx est tm2 ssse3 sdbg fma "
    "cx16 xtpr pdcm pcid sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave avx f16c rdrand "
    "lahf_lm abm 3dnowprefetch epb invpcid_single tpr_shadow vnmi flexpriority ept vpid ept_ad fsgsbase "
    "tsc_adjust bmi1 avx2 smep bmi2 erms invpcid mpx rdseed adx smap clflushopt intel_pt xsaveopt"
)
SKYLAKE = Cpu(
    "GenuineIntel",
    "Intel(R) Core(TM) i7-6700 CPU @ 3.40GHz",
    6,
    94,
    INTEL_FLAGS,
    siblings=tuple((core % 4, core % 4 + 4) for core in range(8)),
    l3=(tuple(range(8)),),
)
UBUNTU_22 = Distribution(
    "ubuntu",
    "Ubuntu 22.04.5 LTS",
    "22.04",
    "jammy",
    "5.15.0-125-generic",
    vfio_built_in=True,
    config="CONFIG_INTEL_IOMMU=y\n# CONFIG_INTEL_IOMMU_DEFAULT_ON is not set\nCONFIG_IRQ_REMAP=y\nCONFIG_VFIO_PCI=y\n",
    like="debian",
)


DISCS: Tree = {f"var/lib/libvirt/images/{name}.iso": "" for name in ("win10", "virtio-win")}
NO_NVIDIA = "".join(
    f"{line}\n" for line in ("blacklist nvidia", "blacklist nvidia-drm", "blacklist nvidia-modeset", "alias nvidia off")
)
NO_NOUVEAU = "blacklist nouveau\nblacklist lbm-nouveau\nalias nouveau off\nalias lbm-nouveau off\n"


def gop_rom(vendor: int, device: int) -> bytes:
    """An option ROM of two images, a BIOS one and a UEFI one (PCI firmware specification, 5.1)."""
    images = []
    for code, last in ((0, 0), (3, 0x80)):
        image = bytearray(512)
        struct.pack_into("<HB", image, 0, 0xAA55, 1)
        if code == 3:
            struct.pack_into("<HHIHHH", image, 0, 0xAA55, 1, 0x0EF1, 0x000B, 0x8664, 0)
        struct.pack_into("<H", image, 0x18, 0x1C)
        pcir = struct.pack("<4sHHHHB3sHHBBH", b"PCIR", vendor, device, 0, 24, 3, b"\0\0\3", 1, 1, code, last, 0)
        image[0x1C : 0x1C + len(pcir)] = pcir
        image[-1] = -sum(image) & 0xFF  # a legacy image adds up to zero
        images.append(bytes(image))
    return b"".join(images)


def desktop(groups: bool, igfx_group: bool = True) -> tuple[Pci, ...]:
    """The functions; groups as the kernel numbers them on this board, the processor's graphics with one or without."""
    shift = 0 if igfx_group else 1

    def g(number: int) -> int | None:
        return None if not groups else number - (shift if number > 2 else 0)

    board = "1043:8694"
    card = "1043:8591"
    return (
        Pci("00:00.0", "8086:191f", "060000", "skl_uncore", g(0), subsystem=board, revision="07"),
        Pci("00:01.0", "8086:1901", "060400", "pcieport", g(1), subsystem=board, revision="07", control="auto"),
        Pci(
            "00:02.0",
            "8086:1912",
            "030000",
            "i915",
            g(2) if igfx_group else None,
            subsystem=board,
            boot_vga=True,
            revision="06",
        ),
        Pci("00:14.0", "8086:a12f", "0c0330", "xhci_hcd", g(3), subsystem=board, revision="31", reset="pm"),
        Pci("00:14.2", "8086:a131", "118000", "intel_pch_thermal", g(3), subsystem=board, revision="31"),
        Pci("00:16.0", "8086:a13a", "078000", "mei_me", g(4), subsystem=board, revision="31", reset="pm"),
        Pci("00:17.0", "8086:a102", "010601", "ahci", g(5), subsystem=board, revision="31", reset="pm"),
        Pci("00:1c.0", "8086:a110", "060400", "pcieport", g(6), subsystem=board, revision="f1", control="auto"),
        Pci("00:1d.0", "8086:a118", "060400", "pcieport", g(7), subsystem=board, revision="f1", control="auto"),
        Pci("00:1f.0", "8086:a144", "060100", None, g(8), subsystem=board, revision="31"),
        Pci("00:1f.2", "8086:a121", "058000", None, g(8), subsystem=board, revision="31"),
        Pci("00:1f.3", "8086:a170", "040300", "snd_hda_intel", g(8), subsystem=board, revision="31", reset="pm"),
        Pci("00:1f.4", "8086:a123", "0c0500", "i801_smbus", g(8), subsystem=board, revision="31"),
        Pci("00:1f.6", "8086:15b8", "020000", "e1000e", g(8), subsystem="1043:8672", revision="31", reset="flr pm"),
        Pci(
            "01:00.0",
            "10de:1402",
            "030000",
            None,
            g(1),
            "00:01.0",
            card,
            False,
            "bus",
            "a1",
            rom=gop_rom(0x10DE, 0x1402),
        ),
        Pci("01:00.1", "10de:0fba", "040300", "snd_hda_intel", g(1), "00:01.0", card, None, "bus", "a1"),
        Pci("02:00.0", "1b21:1042", "0c0330", "xhci_hcd", g(9), "00:1c.0", "1b21:1042", None, "pm bus", "00"),
        Pci("03:00.0", "144d:a808", "010802", "nvme", g(10), "00:1d.0", "144d:a801", None, "flr bus", "00"),
    )


TABLES = (
    "ACPI: DMAR 0x000000008A3B5A50 0000A8 (v01 INTEL  EDK2     00000001 INTL 00000001)",
    "ACPI: Reserving DMAR table memory at [mem 0x8a3b5a50-0x8a3b5af7]",
)
UNITS = (
    "DMAR: Host address width 39",
    "DMAR: DRHD base: 0x000000fed90000 flags: 0x0",
    "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1c0000c40660462 ecap 7e3ff0505e",
    "DMAR: DRHD base: 0x000000fed91000 flags: 0x1",
    "DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008c40660462 ecap f050da",
    "DMAR: RMRR base: 0x0000008a1f9000 end: 0x0000008a218fff",
    "DMAR: RMRR base: 0x0000008b800000 end: 0x0000008fffffff",
    "DMAR-IR: IOAPIC id 2 under DRHD base  0xfed91000 IOMMU 1",
    "DMAR-IR: HPET id 0 under DRHD base 0xfed91000",
    "DMAR-IR: Queued invalidation will be enabled to support x2apic and Intr-remapping.",
    "DMAR-IR: Enabled IRQ remapping in x2apic mode",
)
DEFAULTS = ("iommu: Default domain type: Translated ", "iommu: DMA domain TLB invalidation policy: lazy mode ")
VGA = (
    "pci 0000:00:02.0: vgaarb: setting as boot VGA device",
    "pci 0000:00:02.0: vgaarb: VGA device added: decodes=io+mem,owns=io+mem,locks=none",
    "pci 0000:01:00.0: vgaarb: VGA device added: decodes=io+mem,owns=none,locks=none",
    "vgaarb: loaded",
)
STARTED = ("DMAR: No ATSR found", "DMAR: No SATC found", "DMAR: dmar1: Using Queued invalidation")
LAST = "DMAR: Intel(R) Virtualization Technology for Directed I/O"


def joins(pci: tuple[Pci, ...]) -> tuple[str, ...]:
    """The lines by which the kernel tells who joins which group."""
    return tuple(f"pci {each.name}: Adding to iommu group {each.group}" for each in pci if each.group is not None)


DISKS = (
    Disk(
        "nvme0n1",
        "03:00.0",
        "nvme/nvme0",
        "259:0",
        976773168,
        (("nvme0n1p1", "259:1", 1048576), ("nvme0n1p2", "259:2", 975720448)),
    ),
    Disk(
        "sda",
        "00:17.0",
        "ata2/host1/target1:0:0/1:0:0:0/block",
        "8:0",
        1953525168,
        (("sda1", "8:1", 1953521664),),
    ),
)
USB = (
    Usb("00:14.0", "1-3", "046d:c31c", "Logitech USB Keyboard", ("kbd", "kbd-media")),
    Usb("00:14.0", "1-4", "046d:c077", "Logitech USB Optical Mouse", ("mouse",)),
)


def article() -> Machine:
    """Before: VT-d on in the firmware, the kernel does not use it."""
    return Machine(
        "The article's desktop, VT-d on in the firmware, not used by the kernel",
        SKYLAKE,
        UBUNTU_22,
        desktop(groups=False),
        active=False,
        cards=(
            Card(
                0,
                "00:02.0",
                {"DP-1": ("disconnected", "disabled"), "HDMI-A-1": ("connected", "enabled")},
                "i915drmfb",
                128,
            ),
        ),
        disks=DISKS,
        mounts=(
            Mount("259:2", "/dev/nvme0n1p2", "/", options="rw,relatime"),
            Mount("259:1", "/dev/nvme0n1p1", "/boot/efi", "vfat"),
        ),
        swaps=("/swapfile",),
        nics=(Nic("enp0s31f6", "00:1f.6", default=True), Nic("virbr0", kind="bridge", up=False)),
        usb=USB,
        memory_mib=32768,
        log=(*TABLES, *UNITS, *DEFAULTS, *VGA),
        holders=(
            Holder(1893, "gnome-shell", ("/dev/dri/card0", "/dev/dri/renderD128")),
            Holder(1604, "pipewire", ("/dev/snd/controlC0",)),
        ),
        software=installed(
            "6.2.0 (Debian 1:6.2+dfsg-2ubuntu6.24)",
            "8.0.0",
            programs=("usr/bin/prime-select", "usr/bin/nvidia-smi"),
            extra={("prime-select", "query"): "intel\n"},
        ),
        groups={"kvm": "user"},
        files={
            "etc/prime-discrete": "off\n",
            **DISCS,
            "lib/modprobe.d/blacklist-nvidia.conf": NO_NVIDIA,
            "lib/modprobe.d/nvidia-graphics-drivers.conf": NO_NOUVEAU,
            "etc/default/grub.d/init-select.cfg": "# This file does nothing; a package left it behind.\n",
        },
    )


def article_booted() -> Machine:
    """After `vdesk iommu enable --igfx-off` and a reboot: groups for all but the integrated graphics."""
    before = article()
    arguments = "intel_iommu=on,igfx_off"
    pci = desktop(groups=True, igfx_group=False)
    log = (
        *TABLES,
        "DMAR: IOMMU enabled",
        "DMAR: Disable GFX device mapping",
        *UNITS,
        *DEFAULTS,
        *VGA,
        *STARTED,
        *joins(pci),
        LAST,
    )
    return replace(
        before,
        title="The article's desktop, booted with the argument",
        pci=pci,
        active=True,
        arguments=arguments,
        log=log,
    )
