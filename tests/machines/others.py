"""Other kinds of machine: AMD with two core complexes, an Intel hybrid, a muxless laptop."""

from __future__ import annotations

from dataclasses import replace

from tests.machines.article import DISCS, INTEL_FLAGS, LAST, STARTED, TABLES, UNITS, article, joins
from tests.machines.desktops import DEBIAN_12, DEBIAN_13, QEMU_10
from tests.machines.parts import Card, Cpu, Disk, Distribution, Holder, Machine, Mount, Nic, Pci, Usb
from tests.machines.software_files import installed

AMD_FLAGS = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht "
    "syscall nx mmxext fxsr_opt pdpe1gb rdtscp lm constant_tsc rep_good nopl nonstop_tsc cpuid extd_apicid "
    "aperfmperf rapl pni pclmulqdq monitor ssse3 fma cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c "
    "rdrand lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs skinit wdt "
    "tce topoext perfctr_core perfctr_nb bpext avx2 npt lbrv svm_lock nrip_save avic"
)
MATISSE = Cpu(
    "AuthenticAMD",
    "AMD Ryzen 7 3700X 8-Core Processor",
    23,
    113,
    AMD_FLAGS,
    siblings=tuple((core % 8, core % 8 + 8) for core in range(16)),
    l3=((0, 1, 2, 3, 8, 9, 10, 11), (4, 5, 6, 7, 12, 13, 14, 15)),
    l3_size="16384K",
)
ALDER_LAKE = Cpu(
    "GenuineIntel",
    "12th Gen Intel(R) Core(TM) i7-12700K",
    6,
    151,
    INTEL_FLAGS,
    siblings=(*((core // 2 * 2, core // 2 * 2 + 1) for core in range(16)), (16,), (17,), (18,), (19,)),
    l3=(tuple(range(20)),),
    performance="0-15",
    efficient="16-19",
    l3_size="25600K",
)
COFFEE_LAKE = Cpu(
    "GenuineIntel",
    "Intel(R) Core(TM) i5-8300H CPU @ 2.30GHz",
    6,
    158,
    INTEL_FLAGS,
    siblings=tuple((core % 4, core % 4 + 4) for core in range(8)),
    l3=(tuple(range(8)),),
)
UBUNTU_24 = Distribution(
    "ubuntu",
    "Ubuntu 24.04.3 LTS",
    "24.04",
    "noble",
    "6.8.0-87-generic",
    True,
    "CONFIG_INTEL_IOMMU_DEFAULT_ON=y\n",
    like="debian",
)
AMD_LOG = (
    "ACPI: IVRS 0x00000000DC5C5000 0000D0 (v02 AMD    AmdTable 00000001 AMD  00000001)",
    "AMD-Vi: Using global IVHD EFR:0x58f77ef22294ade, EFR2:0x0",
    "iommu: Default domain type: Translated",
    "iommu: DMA domain TLB invalidation policy: lazy mode",
    "pci 0000:00:00.2: AMD-Vi: IOMMU performance counters supported",
)
AMD_END = (
    "AMD-Vi: Extended features (0x58f77ef22294ade, 0x0): PPR X2APIC NX GT IA GA PC GA_vAPIC",
    "AMD-Vi: Interrupt remapping enabled",
    "AMD-Vi: X2APIC enabled",
    "AMD-Vi: Virtual APIC enabled",
)


def _amd_pci() -> tuple[Pci, ...]:
    board = "1849:ffff"
    dummies = [
        Pci(f"00:{slot}.0", "1022:1482", "060000", None, group)
        for slot, group in (("01", 0), ("02", 3), ("03", 4), ("08", 7))
    ]
    return tuple(
        sorted(
            (
                Pci("00:00.0", "1022:1480", "060000", None, 8, subsystem="1022:1480"),
                Pci("00:00.2", "1022:1481", "080600", None, None, subsystem="1022:1481"),
                *dummies,
                Pci("00:01.1", "1022:1483", "060400", "pcieport", 1),
                Pci("00:01.3", "1022:1483", "060400", "pcieport", 2),
                Pci("00:03.1", "1022:1483", "060400", "pcieport", 5),
                Pci("00:03.2", "1022:1483", "060400", "pcieport", 6),
                Pci("00:08.1", "1022:1484", "060400", "pcieport", 9),
                Pci("00:14.0", "1022:790b", "0c0500", "piix4_smbus", 10, subsystem=board, revision="61"),
                Pci("00:14.3", "1022:790e", "060100", None, 10, subsystem=board, revision="51"),
                Pci("01:00.0", "144d:a808", "010802", "nvme", 11, "00:01.1", "144d:a801", None, "flr bus"),
                Pci("02:00.0", "10ec:8168", "020000", "r8169", 12, "00:01.3", "1849:8168", None, "pm bus", "15"),
                Pci("0a:00.0", "1002:67df", "030000", "amdgpu", 13, "00:03.1", "1da2:e366", True, "bus", "e7"),
                Pci("0a:00.1", "1002:aaf0", "040300", "snd_hda_intel", 13, "00:03.1", "1da2:aaf0", None, "bus"),
                Pci("0b:00.0", "10de:2504", "030000", "nouveau", 14, "00:03.2", "1462:3976", False, "flr bus", "a1"),
                Pci(
                    "0b:00.1", "10de:228e", "040300", "snd_hda_intel", 14, "00:03.2", "1462:3976", None, "flr bus", "a1"
                ),
                Pci("0c:00.0", "1022:1485", "130000", None, 15, "00:08.1", "1022:1485"),
                Pci("0c:00.3", "1022:149c", "0c0330", "xhci_hcd", 16, "00:08.1", board, None, "pm bus"),
                Pci("0c:00.4", "1022:1487", "040300", "snd_hda_intel", 17, "00:08.1", board, None, "flr pm"),
            ),
            key=lambda each: each.address,
        )
    )


def amd_two_ccx() -> Machine:
    """A Ryzen of two core complexes; the Radeon drives the desktop, the GeForce is idle."""
    pci = _amd_pci()
    return replace(
        article(),
        title="A Ryzen with two cards",
        cpu=MATISSE,
        distribution=DEBIAN_12,
        pci=pci,
        iommu="ivrs",
        active=True,
        cards=(
            Card(
                0,
                "0a:00.0",
                {"DP-1": ("connected", "enabled"), "HDMI-A-1": ("disconnected", "disabled")},
                "amdgpudrmfb",
                128,
            ),
            Card(1, "0b:00.0", {"DP-2": ("disconnected", "disabled")}, "", 129),
        ),
        disks=(
            Disk(
                "nvme0n1",
                "01:00.0",
                "nvme/nvme0",
                "259:0",
                1953525168,
                (("nvme0n1p1", "259:1", 1048576), ("nvme0n1p2", "259:2", 1900000000)),
            ),
        ),
        nics=(Nic("enp2s0", "02:00.0", default=True), Nic("virbr0", kind="bridge", up=False)),
        usb=(
            Usb("0c:00.3", "1-1", "046d:c31c", "Logitech USB Keyboard", ("kbd", "kbd-media")),
            Usb("0c:00.3", "1-2", "046d:c077", "Logitech USB Optical Mouse", ("mouse",)),
        ),
        log=(*AMD_LOG, *joins(pci), *AMD_END),
        holders=(Holder(1893, "kwin_wayland", ("/dev/dri/card0",)),),
        software=installed("7.2.19 (Debian 1:7.2+dfsg-7+deb12u16)", "9.0.0"),
        files=DISCS,
    )


def intel_hybrid() -> Machine:
    """Performance and efficient cores; the GeForce has its own driver and the desktop's compositor holds it open."""
    board = "1043:8694"
    pci = (
        Pci("00:00.0", "8086:4660", "060000", "igen6_edac", 0, subsystem=board, revision="02"),
        Pci("00:01.0", "8086:460d", "060400", "pcieport", 1, revision="02"),
        Pci("00:02.0", "8086:4680", "030000", "i915", 2, subsystem=board, boot_vga=True, revision="0c"),
        Pci("00:06.0", "8086:464d", "060400", "pcieport", 3, revision="02"),
        Pci("00:14.0", "8086:7ae0", "0c0330", "xhci_hcd", 4, subsystem=board, revision="11"),
        Pci("00:1c.0", "8086:7ab8", "060400", "pcieport", 5, revision="11"),
        Pci("00:1f.0", "8086:7a84", "060100", None, 6, subsystem=board, revision="11"),
        Pci("00:1f.3", "8086:7ad0", "040300", "snd_hda_intel", 6, subsystem=board, revision="11"),
        Pci("00:1f.4", "8086:7aa3", "0c0500", "i801_smbus", 6, subsystem=board, revision="11"),
        Pci("01:00.0", "10de:2484", "030000", "nvidia", 7, "00:01.0", "1458:404d", False, "flr bus", "a1"),
        Pci("01:00.1", "10de:228b", "040300", "snd_hda_intel", 7, "00:01.0", "1458:404d", None, "flr bus", "a1"),
        Pci("02:00.0", "144d:a808", "010802", "nvme", 8, "00:06.0", "144d:a801", None, "flr bus"),
        Pci("03:00.0", "8086:15f3", "020000", "igc", 9, "00:1c.0", "1043:87d2", None, "flr bus", "03"),
    )
    return replace(
        article(),
        title="A hybrid processor, the GeForce held by the desktop",
        cpu=ALDER_LAKE,
        distribution=DEBIAN_13,
        pci=pci,
        active=True,
        cards=(
            Card(
                1,
                "00:02.0",
                {"DP-1": ("connected", "enabled"), "HDMI-A-1": ("disconnected", "disabled")},
                "i915drmfb",
                128,
            ),
            Card(0, "01:00.0", {"DP-2": ("disconnected", "disabled")}, "", 129),
        ),
        disks=(
            Disk(
                "nvme0n1",
                "02:00.0",
                "nvme/nvme0",
                "259:0",
                1953525168,
                (("nvme0n1p1", "259:1", 1048576), ("nvme0n1p2", "259:2", 1900000000)),
            ),
        ),
        nics=(Nic("enp3s0", "03:00.0", default=True),),
        log=(*TABLES, *UNITS, *STARTED, *joins(pci), LAST),
        holders=(
            Holder(1893, "gnome-shell", ("/dev/dri/card1", "/dev/dri/card0", "/dev/nvidia0", "/dev/nvidiactl")),
            Holder(801, "nvidia-persiste", ("/dev/nvidia0", "/dev/nvidiactl")),
            Holder(1604, "wireplumber", ("/dev/snd/controlC0", "/dev/snd/controlC1")),
        ),
        software=QEMU_10,
        memory_mib=65536,
        files={
            **DISCS,
            "sys/module/nvidia/refcnt": "42\n",
            "proc/driver/nvidia/gpus/0000:01:00.0/information": "Device Minor:\t 0\n",
        },
    )


LAPTOP = (
    Pci("00:00.0", "8086:3e10", "060000", "skl_uncore", 0, subsystem="17aa:39fe", revision="07"),
    Pci("00:01.0", "8086:1901", "060400", "pcieport", 1, revision="07", control="auto"),
    Pci("00:02.0", "8086:3e9b", "030000", "i915", 2, subsystem="17aa:39fe", boot_vga=True),
    Pci("00:14.0", "8086:a36d", "0c0330", "xhci_hcd", 3, subsystem="17aa:39fe", revision="10"),
    Pci("00:1c.0", "8086:a338", "060400", "pcieport", 4, revision="f0"),
    Pci("00:1d.0", "8086:a340", "060400", "pcieport", 5, revision="f0"),
    Pci("00:1f.0", "8086:a30d", "060100", None, 6, subsystem="17aa:39fe", revision="10"),
    Pci("00:1f.3", "8086:a348", "040300", "snd_hda_intel", 6, subsystem="17aa:39fe", revision="10"),
    Pci(
        "01:00.0",
        "10de:1c8d",
        "030200",
        "nvidia",
        1,
        "00:01.0",
        "17aa:39fe",
        None,
        "pm bus",
        "a1",
        control="auto",
        power="D3cold",
    ),
    Pci("02:00.0", "144d:a808", "010802", "nvme", 7, "00:1c.0", "144d:a801", None, "flr bus"),
    Pci("03:00.0", "8086:24fd", "028000", "iwlwifi", 8, "00:1d.0", "8086:1130", None, "flr bus", "78"),
)


def laptop_muxless() -> Machine:
    """A laptop: the GeForce is a 3D controller without outputs, asleep; 16 GiB; the network is wireless."""
    return replace(
        article(),
        title="A muxless laptop",
        cpu=COFFEE_LAKE,
        distribution=UBUNTU_24,
        pci=LAPTOP,
        active=True,
        cards=(
            Card(
                1,
                "00:02.0",
                {"eDP-1": ("connected", "enabled"), "HDMI-A-1": ("disconnected", "disabled")},
                "i915drmfb",
                128,
            ),
            Card(0, "01:00.0", {}, "", 129),
        ),
        disks=(
            Disk(
                "nvme0n1",
                "02:00.0",
                "nvme/nvme0",
                "259:0",
                976773168,
                (("nvme0n1p1", "259:1", 1048576), ("nvme0n1p2", "259:2", 975720448)),
            ),
        ),
        nics=(Nic("wlp3s0", "03:00.0", default=True, wireless=True),),
        usb=(),
        ps2=True,
        memory_mib=16384,
        log=(*TABLES, *UNITS, *STARTED, *joins(LAPTOP), LAST),
        holders=(Holder(1893, "gnome-shell", ("/dev/dri/card1",)),),
        software=installed(
            "8.2.2 (Debian 1:8.2.2+ds-0ubuntu1.10)",
            "10.0.0",
            programs=("usr/bin/prime-select",),
            extra={("prime-select", "query"): "on-demand\n"},
        ),
        laptop=True,
        files={**DISCS, "etc/prime-discrete": "on-demand\n"},
        mounts=(Mount("259:2", "/dev/nvme0n1p2", "/"), Mount("259:1", "/dev/nvme0n1p1", "/boot/efi", "vfat")),
    )
