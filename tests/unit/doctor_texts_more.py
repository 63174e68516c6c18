"""More texts of the kernel's and libvirt's: devices that vfio-pci does not take or that are asked back, USB devices."""

from __future__ import annotations

from tests.unit.doctor_texts import Text

MORE = (
    Text(
        17,
        "kernel",
        "vfio-pci 0000:01:00.0: can't change power state from D3cold to D0 (config space inaccessible)",
        "doctor.card-dead",
    ),
    Text(17, "kernel", "vfio-pci 0000:01:00.0: Refused to change power state, currently in D3", "doctor.card-dead"),
    Text(0, "kernel", "vfio-pci 0000:01:00.0: Cannot bind to PF with SR-IOV enabled", "doctor.virtual-functions"),
    Text(
        0,
        "kernel",
        "vfio-pci 0000:01:00.0: 8086:4940 exists in vfio-pci device denylist, driver probing disallowed.",
        "doctor.denied-device",
    ),
    Text(0, "kernel", "vfio-pci 0000:01:00.0: Relaying device request to user (#10)", "doctor.asked-back"),
    Text(
        0,
        "kernel",
        "vfio-pci 0000:01:00.0: No device request channel registered, blocked until released by user",
        "doctor.asked-back",
    ),
    Text(
        0,
        "libvirt",
        "operation failed: Multiple USB devices for 46d:c52b, use <address> to specify one",
        "doctor.usb-several",
    ),
    Text(
        0,
        "libvirt",
        "operation failed: Multiple USB devices for 46d:c52b were found, but none of them is at bus:1 device:4",
        "doctor.usb-several",
    ),
)
