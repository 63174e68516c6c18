"""What is known of devices and drivers that a person should hear before a device is taken; these are no rules."""

from __future__ import annotations

import re

from vdesk.host import Host
from vdesk.host.pci import Device

# AMD cards by device id: those whose reset, or whose way back to amdgpu, is known to fail.
POLARIS = ("67df", "67ef", "67ff", "67e0", "67e3", "6fdf", "6981", "6985", "6987", "699f")
VEGA = ("6860", "6861", "6862", "6863", "6864", "6867", "6868", "687f", "66a0", "66a1", "66a3", "66af")
NAVI1 = ("7310", "7312", "731a", "731b", "731f", "7340", "7341", "7347", "734f", "7360", "7362")
NAVI48 = ("7550", "7551")


def notes(host: Host, device: Device) -> list[str]:
    """Sentences about one function that is to be taken."""
    found = [_amd(device), _intel(device), _reset(host, device), _framebuffer(host, device)]
    return [f"{device.address}: {each}" for each in found if each]


def _amd(device: Device) -> str:
    if device.driver not in ("amdgpu", "radeon") or not device.is_gpu:
        return ""
    if device.device in NAVI48:
        return "on kernel 7.2 giving this card back was seen to crash the host; bind it at boot and leave it there"
    if device.device in (*POLARIS, *VEGA, *NAVI1):
        return (
            "cards of this family do not reset cleanly (vendor-reset helps some), and are known to crash amdgpu when "
            "they come back; bind it at boot and leave it there"
        )
    return f"giving a card back to {device.driver} is known to fail on some cards; binding it at boot is safer"


def _intel(device: Device) -> str:
    if device.driver in ("i915", "xe") and device.is_gpu:
        return f"{device.driver} is not made to let go of a card while the machine runs; it may hang"
    return ""


def _reset(host: Host, device: Device) -> str:
    told = device.reset or host.exists(f"{device.path}/reset")
    if told or device.is_vfio or not device.is_gpu or _kernel(host) < (5, 15):
        return ""
    return "the kernel has no way to reset it; a second start of the virtual machine may need a reboot of the host"


def _framebuffer(host: Host, device: Device) -> str:
    """Since 6.0 vfio-pci evicts the firmware's framebuffer itself, of VGA class (vfio_pci_vga_init)."""
    if not device.boot_vga or not device.is_gpu:
        return ""
    if (0, 0) < _kernel(host) < (6, 0):
        return "the boot framebuffer is on it; on this kernel it has to be kept off with: video=efifb:off"
    return "the screen on it goes dark: its text console and boot framebuffer go with it"


def _kernel(host: Host) -> tuple[int, int]:
    """Version of the running kernel; (0, 0) where it is not told."""
    match = re.match(r"(\d+)\.(\d+)", host.value("proc/sys/kernel/osrelease"))
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)
