"""Where makers of boards and computers usually have VT-d, IOMMU, VT-x and SVM in their firmware's setup.

Their manuals name the menus; releases differ, so these are places to look first, not promises."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.host import Host


class Maker(NamedTuple):
    """`words` in the vendor's name of DMI, the key into the setup, and the menus for Intel's and AMD's processors."""

    words: tuple[str, ...]
    key: str
    intel: str
    amd: str


CBS = "AMD CBS > NBIO Common Options > IOMMU: Enabled"
MAKERS = (
    Maker(
        ("asus",),
        "Del or F2",
        "Advanced > System Agent (SA) Configuration > VT-d: Enabled; Advanced > CPU Configuration > "
        "Intel (VMX) Virtualization Technology: Enabled",
        f"Advanced > {CBS}; Advanced > CPU Configuration > SVM Mode: Enabled",
    ),
    Maker(
        ("gigabyte", "giga-byte"),
        "Del",
        "Settings (older boards: Chipset) > VT-d: Enabled; Tweaker > Advanced CPU Settings > VT-x: Enabled",
        f"Settings > Miscellaneous > IOMMU: Enabled (or {CBS}); Tweaker > Advanced CPU Settings > SVM Mode: Enabled",
    ),
    Maker(
        ("micro-star", "msi"),
        "Del",
        "OC > CPU Features > Intel VT-D Tech: Enabled, and Intel Virtualization Tech: Enabled",
        f"Settings > Advanced > {CBS}; OC > CPU Features > SVM Mode: Enabled",
    ),
    Maker(
        ("asrock",),
        "F2 or Del",
        "Advanced > Chipset Configuration > VT-d: Enabled; Advanced > CPU Configuration > "
        "Intel Virtualization Technology: Enabled",
        f"Advanced > {CBS}; Advanced > CPU Configuration > SVM Mode: Enabled",
    ),
    Maker(
        ("dell", "alienware"),
        "F2",
        "Virtualization Support > VT for Direct I/O: on, and Virtualization Technology: on",
        "Virtualization Support > Virtualization Technology and DMA (IOMMU): on",
    ),
    Maker(
        ("hewlett", "hp"),
        "F10",
        "Security > System Security (or Advanced > System Options) > Virtualization Technology (VTx) and "
        "Virtualization Technology for Directed I/O (VTd): Enabled",
        "Security > System Security (or Advanced > System Options) > SVM CPU Virtualization and IOMMU: Enabled",
    ),
    Maker(
        ("lenovo",),
        "F1 (F2 on many laptops)",
        "Security > Virtualization (or Advanced > CPU Setup) > Intel VT and VT-d: Enabled",
        "Security > Virtualization (or Advanced > CPU Setup) > AMD-V (SVM) and IOMMU: Enabled",
    ),
    Maker(
        ("acer",),
        "F2",
        "Advanced (or Main) > Intel VTX and VT-d: Enabled",
        "Advanced (or Main) > SVM Mode and IOMMU: Enabled",
    ),
    Maker(
        ("supermicro",),
        "Del",
        "Advanced > Chipset Configuration > North Bridge > IIO Configuration > Intel VT for Directed I/O: Enabled",
        "Advanced > North Bridge Configuration > IOMMU: Enabled; Advanced > CPU Configuration > SVM Mode: Enabled",
    ),
)
ANY = Maker(
    (),
    "Del or F2",
    "VT-d and Intel Virtualization Technology: Enabled (often below Advanced, CPU, System Agent or Chipset)",
    "IOMMU: Enabled, not Auto, and SVM Mode: Enabled (often below Advanced, AMD CBS, NBIO or CPU)",
)


def menu(host: Host, vendor: str) -> str:
    """What to do in the firmware's setup of this machine, in one sentence; `vendor` is the processor's."""
    names = [host.value(f"sys/class/dmi/id/{name}") for name in ("board_vendor", "sys_vendor")]
    maker = next((each for name in names for each in MAKERS if _made_by(name, each)), ANY)
    board = " ".join(filter(None, (names[0] or names[1], host.value("sys/class/dmi/id/board_name"))))
    shown = f" of this {board}" if board and board.isprintable() and len(board) < 80 else ""
    where = {"intel": maker.intel, "amd": maker.amd}.get(vendor, f"Intel: {maker.intel}. AMD: {maker.amd}")
    return f"in the firmware's setup{shown} (usually {maker.key} while it starts): {where}. Then save, power off and on"


def _made_by(name: str, maker: Maker) -> bool:
    words = name.lower().replace(",", " ").split()
    return any(any(word.startswith(each) for word in words) for each in maker.words)


def into_the_setup(host: Host) -> str:
    """The command that reboots, into the firmware's setup where that can be asked for (UEFI)."""
    return "sudo systemctl reboot --firmware-setup" if host.exists("sys/firmware/efi") else "sudo systemctl reboot"
