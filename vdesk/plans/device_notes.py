"""What is known of devices and drivers that a person should hear before a device is taken; these are no rules."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vdesk.host import Host, display
from vdesk.host.claims import UNSTEADY
from vdesk.host.holders import holding
from vdesk.host.pci import Device

# AMD cards by device id: those whose reset, or whose way back to amdgpu, is known to fail.
POLARIS = ("67df", "67ef", "67ff", "67e0", "67e3", "6fdf", "6981", "6985", "6987", "699f")
VEGA = ("6860", "6861", "6862", "6863", "6864", "6867", "6868", "687f", "66a0", "66a1", "66a3", "66af")
NAVI1 = ("7310", "7312", "731a", "731b", "731f", "7340", "7341", "7347", "734f", "7360", "7362")
NAVI48 = ("7550", "7551")
NO_FLR = ("1487", "148c", "149c", "7901")  # AMD's controllers that the kernel does not reset by function (quirks.c)
OPEN = "Open Kernel Module"
AMD = ("amdgpu", "radeon")
XHCI = ("xhci_hcd", "xhci_pci")
USB = r"usb[0-9]+"

# How the kernel names its ways of resetting a function (reset_method, Documentation/ABI/testing/sysfs-bus-pci).
METHODS = {
    "device_specific": "a way of its own",
    "acpi": "the firmware",
    "flr": "function-level reset",
    "af_flr": "function-level reset",
    "pm": "a power state",
    "bus": "its whole bus",
    "cxl_bus": "its whole bus",
}


def notes(host: Host, device: Device) -> list[str]:
    """Sentences about one function that is to be taken."""
    found = [_amd(device), _driver(host, device), _usb(host, device), _reset(host, device), _picture(host, device)]
    found.append("" if device.boot_vga else display.doubt(host, device))
    return [f"{device.address}: {each}" for each in found if each]


def at_boot(host: Host, device: Device) -> str:
    """Why a card is better taken at boot than when a machine starts; empty where that is all the same, or it is so."""
    from vdesk.initramfs.binding import listed  # it brings what builds an initramfs; bind does without

    bound = any(row.address == str(device.address) for row in listed(host))
    return "" if bound or not device.is_gpu else UNSTEADY.get(device.driver or "", "")


def unseen(host: Host, devices: Sequence[Device]) -> list[str]:
    """What a normal user cannot be told: who has the nodes open among the processes of others."""
    if host.tree.own and not host.needs_root:
        return []  # root sees all; and a look at every process costs more than all else that a plan reads
    count = holding(host, devices).unseen
    if not count:
        return []
    many = "process" if count == 1 else "processes"
    return [f"{count} {many} could not be looked into for open nodes of these devices; root can."]


def returning(device: Device, driver: str | None) -> list[str]:
    """Sentences about one function that is to go back to this driver."""
    if driver not in AMD or not device.is_gpu:
        return []
    return [f"{device.address}: {_amd(device._replace(driver=driver))}; to be safe, reboot instead"]


def _amd(device: Device) -> str:
    """The way back to amdgpu or radeon; for a card that vfio-pci or nobody has, nothing comes back to them."""
    if device.driver not in AMD or not device.is_gpu:
        return ""
    if device.device in NAVI48:
        return "on kernel 7.2 giving this card back was seen to crash the host; bind it at boot and leave it there"
    if device.device in (*POLARIS, *VEGA, *NAVI1):
        return (
            f"cards of this family do not reset cleanly (vendor-reset helps some), and are known to crash "
            f"{device.driver} when they come back; bind it at boot and leave it there"
        )
    return f"giving a card back to {device.driver} is known to fail on some cards; binding it at boot is safer"


def _driver(host: Host, device: Device) -> str:
    """What the other drivers are known for when they let go."""
    if device.driver == "snd_hda_intel":
        return "its sound card disappears for programs; one that keeps it open makes the kernel wait"
    if not device.is_gpu:
        return ""
    if device.driver == "nvidia":
        kind = "NVIDIA's open modules, as the closed ones, let go" if _open_modules(host) else "NVIDIA's driver lets go"
        return f"{kind} only when no program uses the card; nothing is forced on a card in use"
    if device.driver in ("i915", "xe"):
        return f"{device.driver} is not made to let go of a card while the machine runs; it may hang"
    if device.driver == "nouveau":
        return "nouveau lets go of an idle card; after a guest has used it, it may show no picture before a reboot"
    return ""


def _open_modules(host: Host) -> bool:
    return OPEN in host.value("proc/driver/nvidia/version")


def _usb(host: Host, device: Device) -> str:
    """What hangs on a USB controller goes with it."""
    if device.driver not in XHCI:
        return ""
    found = []
    for bus in host.names(device.path):
        for port in host.names(f"{device.path}/{bus}") if re.fullmatch(USB, bus) else ():
            name = host.value(f"{device.path}/{bus}/{port}/product")
            found += [name] if re.fullmatch(r"\d+-\d+", port) and name else []
    goes = f"what is plugged into it goes along: {', '.join(found[:6])}" if found else "nothing is plugged into it"
    quirk = device.vendor == "1022" and device.device in NO_FLR
    return goes + ("; the kernel cannot reset it alone, a second start may need a reboot" if quirk else "")


def _reset(host: Host, device: Device) -> str:
    """How the kernel can reset a card between two guests; before 5.15 it does not tell (reset_method)."""
    if device.is_vfio or not device.is_gpu:
        return ""
    if device.reset:
        ways = ", ".join(f"{each} ({METHODS[each]})" if each in METHODS else each for each in device.reset)
        alone = "; that takes every function of its slot" if set(device.reset) <= {"bus", "cxl_bus"} else ""
        return f"the kernel can reset it by {ways}{alone}"
    if host.exists(f"{device.path}/reset") or _kernel(host) < (5, 15):
        return ""
    return "the kernel has no way to reset it; a second start of the virtual machine may need a reboot of the host"


def _picture(host: Host, device: Device) -> str:
    """What the host shows on a card: from 6.0 on vfio-pci removes the firmware's framebuffer of a VGA card itself."""
    if not device.is_gpu:
        return ""
    from vdesk.host.consoles import boot_framebuffers, consoles

    gone = [each.name for each in boot_framebuffers(host, [device.address])]
    if gone:
        stays = (0, 0) < _kernel(host) < (6, 0) or not device.pci_class.startswith("0300")
        when = "it is given back with the card" if stays else "it is there again after a reboot"
        return f"the boot framebuffer on it goes ({gone[0]}); {when}"
    if consoles(host, [device.address]):
        return "the text console on it goes, and comes back with it"
    if device.boot_vga:
        return "the screen on it goes dark: a text console without a driver for the card is there again after a reboot"
    return ""


def _kernel(host: Host) -> tuple[int, int]:
    """Version of the running kernel; (0, 0) where it is not told."""
    match = re.match(r"(\d+)\.(\d+)", host.value("proc/sys/kernel/osrelease"))
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)
