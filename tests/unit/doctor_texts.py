"""Texts of QEMU's, libvirt's, the kernel's and the guest's, as they are written: each with what it tells of."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    """A text, where it stands (`qemu`, `libvirt`, `kernel`, `seen`), and the finding that it must give. `fact` is its
    number among the known failure texts; 0 is one beside them."""

    fact: int
    where: str
    text: str
    id: str


Q = "2026-11-22T10:10:11.123456Z qemu-system-x86_64: -device vfio-pci,host=0000:01:00.0,id=hostdev0: "
B = '2026-11-22T10:10:11.123456Z qemu-system-x86_64: -blockdev {"driver":"file","filename":"/srv/win.img"}: '
KERNEL = "vfio-pci 0000:01:00.0: "
V = Q + "vfio 0000:01:00.0: "
QEMU_FILES = (
    ("evdev: cannot open '/dev/input/by-id/usb-event-kbd': No such file", "doctor.input-gone"),
    (Q + "Could not open '/home/luke/win.img': Permission denied", "doctor.file-denied"),
    (Q + "Could not open '/srv/win.img': No such file or directory", "doctor.file-missing"),
    (V + "Could not open '/dev/vfio/devices/vfio0': Permission denied", "doctor.iommufd-denied"),
    (Q + "Could not open '/dev/iommu': Operation not permitted", "doctor.iommufd-denied"),
    ("can't open backing store /dev/kvmfr0 for guest RAM: Permission denied", "doctor.node-denied"),
    (Q + "Could not open '/dev/vg0/win': Permission denied", "doctor.node-denied"),
    ("evdev: cannot open '/dev/input/by-id/usb-event-kbd': Permission denied", "doctor.node-denied"),
    (B + "Could not open '/run/win.img': filesystem does not support O_DIRECT", "doctor.no-direct"),
    (B + "Could not find working O_DIRECT alignment", "doctor.no-direct"),
    (B + "aio=native was specified, but it requires cache.direct=on, which was not specified.", "doctor.io-native"),
    (B + 'Failed to get "write" lock', "doctor.image-locked"),
    ("Is another process using the image [/srv/win.img]?", "doctor.image-locked"),
)
UID = " (as uid:64055, gid:64055): Permission denied"
LIBVIRT_FILES = (
    (f"Cannot access storage file '/home/luke/w.iso'{UID}", "doctor.file-denied"),
    (f"Cannot access storage file '/dev/vg0/win'{UID}", "doctor.node-denied"),
    ("unsupported configuration: native I/O needs either no disk cache or directsync cache mode", "doctor.io-native"),
)
HOOK = (
    "Hook script execution failed: internal error: Child process (LC_ALL=C PATH=/usr/bin"
    " /etc/libvirt/hooks/qemu.d/50-vdesk hoth prepare begin -) unexpected exit status "
)
TEXTS = (
    Text(1, "qemu", V + "group 1 is not viable", "doctor.group-not-viable"),
    Text(
        1,
        "qemu",
        "Please ensure all devices within the iommu_group are bound to their vfio bus driver.",
        "doctor.group-not-viable",
    ),
    Text(
        2,
        "qemu",
        V + "failed to setup container for group 1: Failed to set iommu for container: Operation not permitted",
        "doctor.iommu-refused",
    ),
    Text(
        2,
        "qemu",
        V + "failed to setup container for group 1: Failed to set iommu for container: Invalid argument",
        "doctor.iommu-invalid",
    ),
    Text(
        2,
        "qemu",
        V + "failed to setup container for group 1: memory listener initialization failed: Cannot allocate memory",
        "doctor.memlock",
    ),
    Text(2, "qemu", V + "failed to setup container for group 1: No available IOMMU models", "doctor.no-type1"),
    Text(2, "qemu", V + "failed to setup container for group 12: ", "doctor.container"),
    Text(
        3,
        "qemu",
        "Verify all devices in group 1 are bound to vfio-<bus> or pci-stub and not already in use",
        "doctor.device-not-free",
    ),
    Text(3, "qemu", V + "error getting device from group 1: No such device", "doctor.device-not-free"),
    Text(4, "qemu", Q + "Could not open '/dev/vfio/1': No such file or directory", "doctor.group-missing"),
    Text(4, "qemu", V + "failed to open /dev/vfio/1: No such file or directory", "doctor.group-missing"),
    Text(4, "qemu", Q + "vfio 1: failed to open", "doctor.group-missing"),
    Text(4, "qemu", Q + "Could not open '/dev/vfio/1': Device or resource busy", "doctor.group-busy"),
    Text(4, "qemu", V + "failed to open /dev/vfio/1: Device or resource busy", "doctor.group-busy"),
    Text(4, "qemu", Q + "Could not open '/dev/vfio/1': Permission denied", "doctor.group-denied"),
    Text(5, "kernel", f"{KERNEL}BAR 0: can't reserve [mem 0xc0000000-0xcfffffff 64bit pref]", "doctor.bar-reserved"),
    Text(6, "qemu", "vfio: Cannot reset device 0000:01:00.0, no available reset mechanism.", "doctor.no-reset"),
    Text(
        7,
        "qemu",
        "vfio: Cannot reset device 0000:01:00.0, depends on group 2 which is not owned.",
        "doctor.reset-needs-more",
    ),
    Text(
        7,
        "qemu",
        "vfio: Cannot reset device 0000:01:00.0, depends on device 0000:01:00.1 which is not owned.",
        "doctor.reset-needs-more",
    ),
    Text(7, "qemu", "depends on device 0000:01:00.1 which is not owned.", "doctor.reset-needs-more"),
    Text(
        8,
        "kernel",
        "vfio-pci 0000:01:00.0: Invalid PCI ROM header signature: expecting 0xaa55, got 0xffff",
        "doctor.rom-invalid",
    ),
    Text(8, "kernel", "Invalid PCI ROM header signature: expecting 0xaa55, got 0x0000", "doctor.rom-invalid"),
    Text(8, "qemu", "Device option ROM contents are probably invalid (check dmesg).", "doctor.rom-invalid"),
    Text(8, "qemu", "Skip option ROM probe with rombar=0, or load from file with romfile=", "doctor.rom-invalid"),
    Text(8, "qemu", "vfio-pci: Device ROM size is zero", "doctor.rom-invalid"),
    Text(9, "seen", "Windows has stopped this device because it has reported problems. (Code 43)", "doctor.code-43"),
    Text(9, "seen", "This device cannot find enough free resources that it can use. (Code 12)", "doctor.code-12"),
    Text(9, "seen", "This device cannot start. (Code 10)", "doctor.code-10"),
    Text(9, "seen", "Code 31", "doctor.code-10"),
    Text(
        10,
        "qemu",
        Q + "vfio_container_dma_map(0x55d0, 0x0, 0x80000000, 0x7f00) = -12 (Cannot allocate memory)",
        "doctor.memlock",
    ),
    Text(10, "kernel", "vfio_pin_pages_remote: RLIMIT_MEMLOCK (65536) exceeded", "doctor.memlock"),
    Text(10, "kernel", "vfio_pin_page_external: RLIMIT_MEMLOCK (8388608) exceeded", "doctor.memlock"),
    Text(
        11,
        "kernel",
        "vfio-pci 0000:01:00.0: Device is ineligible for IOMMU domain attach due to platform RMRR requirement.  Contact"
        " your platform vendor.",
        "doctor.firmware-memory",
    ),
    Text(
        11,
        "kernel",
        "vfio-pci 0000:01:00.0: Firmware has requested this device have a 1:1 IOMMU mapping, rejecting configuring the"
        " device without a 1:1 mapping. Contact your platform vendor.",
        "doctor.firmware-memory",
    ),
    Text(
        12,
        "kernel",
        "vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param"
        ' "allow_unsafe_interrupts" to enable VFIO IOMMU support on this platform',
        "doctor.irq-remapping",
    ),
    Text(
        12,
        "kernel",
        "vfio-pci 0000:01:00.0: MSI interrupts are not secure, they cannot be isolated by the platform. Check that"
        ' platform features like interrupt remapping are enabled. Use the "allow_unsafe_interrupts" module parameter',
        "doctor.irq-remapping",
    ),
    Text(
        13,
        "libvirt",
        "internal error: Unknown PCI header type '127' for device '0000:01:00.0'",
        "doctor.card-dead",
    ),
    Text(14, "seen", "-bash: echo: write error: File exists", "doctor.write-exists"),
    Text(14, "seen", "-bash: echo: write error: Device or resource busy", "doctor.write-busy"),
    Text(14, "seen", "-bash: echo: write error: No such device", "doctor.write-no-device"),
    Text(14, "seen", "-bash: echo: write error: Invalid argument", "doctor.write-invalid"),
    Text(15, "libvirt", "modprobe: FATAL: Module nvidia_drm is in use.", "doctor.module-in-use"),
    Text(15, "seen", "rmmod: ERROR: Module nvidia_modeset is in use by: nvidia_drm", "doctor.module-in-use"),
    Text(
        16,
        "kernel",
        "NVRM: Attempting to remove device 0000:01:00.0 with non-zero usage count!",
        "doctor.nvidia-held",
    ),
    Text(
        17,
        "kernel",
        "vfio-pci 0000:01:00.0: Unable to change power state from D3cold to D0, device inaccessible",
        "doctor.card-dead",
    ),
    Text(17, "qemu", "vfio: Unable to power on device, stuck in D3", "doctor.card-dead"),
    Text(17, "kernel", "vfio-pci 0000:01:00.0: not ready 1023ms after bus reset; waiting", "doctor.bus-reset"),
    Text(17, "kernel", "vfio-pci 0000:01:00.0: not ready 65535ms after bus reset; giving up", "doctor.bus-reset"),
    Text(18, "libvirt", HOOK + "1: the desktop has the card", "doctor.hook-failed"),
    Text(
        18, "libvirt", HOOK + "126: libvirt: error: cannot execute binary: Permission denied", "doctor.hook-cannot-run"
    ),
    Text(18, "libvirt", HOOK + "127: env: 'python': No such file or directory", "doctor.hook-cannot-run"),
    Text(
        19,
        "libvirt",
        "Requested operation is not valid: network 'default' is not active",
        "doctor.network-inactive",
    ),
    Text(
        20,
        "libvirt",
        "operation failed: Unable to find 'efi' firmware that is compatible with the current configuration",
        "doctor.no-firmware",
    ),
    Text(20, "libvirt", "operation failed: Unable to find any firmware to satisfy 'efi'", "doctor.no-firmware"),
    Text(21, "libvirt", "unsupported configuration: TPM version '2.0' is not supported", "doctor.no-tpm"),
    Text(21, "libvirt", "Unable to find 'swtpm_setup' binary in $PATH", "doctor.no-tpm"),
    Text(
        22,
        "libvirt",
        "internal error: Failed to load PCI driver module vfio-pci: administratively prohibited",
        "doctor.vfio-blocked",
    ),
    Text(
        23,
        "libvirt",
        "Requested operation is not valid: PCI device 0000:01:00.0 is in use by driver QEMU, domain dagobah",
        "doctor.other-machine",
    ),
    Text(23, "libvirt", "internal error: PCI device ... is in use by driver QEMU, domain X", "doctor.other-machine"),
    Text(24, "qemu", "vfio: DMA mapping failed, unable to continue", "doctor.iommu-width"),
    Text(
        24,
        "qemu",
        Q + "vfio_container_dma_map(0x55d0, 0x380000000000, 0x10000000, 0x7f00) = -22 (Invalid argument)",
        "doctor.iommu-width",
    ),
    Text(24, "qemu", Q + "VFIO_MAP_DMA failed: Invalid argument", "doctor.iommu-width"),
    Text(
        25,
        "qemu",
        "kvm: ../hw/pci/pci.c:1487: pci_irq_handler: Assertion `0 <= irq_num && irq_num < PCI_NUM_PINS' failed.",
        "doctor.card-dead",
    ),
    Text(25, "qemu", "Assertion '0 <= irq_num && irq_num < PCI_NUM_PINS' failed", "doctor.card-dead"),
    Text(26, "seen", "the VM runs, but a black screen at the monitor", "doctor.black-screen"),
    Text(27, "seen", "the host freezes when I start it", "doctor.host-freezes"),
    Text(28, "kernel", "DMAR: DRHD: handling fault status reg 3", "doctor.dma-fault"),
    Text(
        28,
        "kernel",
        "DMAR: [DMA Read NO_PASID] Request device [0000:00:02.0] fault addr 0x9b000000 [fault reason 0x06]"
        " PTE Read access is not set",
        "doctor.dma-fault",
    ),
    Text(28, "kernel", "PTE Read access is not set", "doctor.dma-fault"),
    # beside the catalogue of facts
    Text(
        0,
        "qemu",
        "qemu-system-x86_64: unable to map backing store for guest RAM: Cannot allocate memory",
        "doctor.hugepages",
    ),
    Text(0, "qemu", "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory", "doctor.memory"),
    Text(0, "qemu", "Could not access KVM kernel module: No such file or directory", "doctor.no-kvm"),
    *(Text(0, "qemu", text, id) for text, id in QEMU_FILES),
    *(Text(0, "libvirt", text, id) for text, id in LIBVIRT_FILES),
    Text(
        0, "qemu", "warning: host doesn't support requested feature: CPUID.80000001H:ECX.svm [bit 2]", "doctor.features"
    ),
    Text(
        0,
        "kernel",
        'audit: type=1400 apparmor="DENIED" operation="open" profile="libvirt-4dea22b3-1d52-4c2b-8a3c-1d2c3b4a5f60"'
        ' name="/root/card.rom" pid=7 comm="qemu-system-x86" requested_mask="r"',
        "doctor.apparmor",
    ),
    Text(0, "kernel", "Out of memory: Killed process 4711 (qemu-system-x86) total-vm:17000000kB", "doctor.killed"),
    Text(
        0,
        "libvirt",
        "internal error: Unmanaged PCI device 0000:01:00.0 must be manually detached from the host",
        "doctor.unmanaged",
    ),
    Text(0, "libvirt", "internal error: Non-endpoint PCI devices cannot be assigned to guests", "doctor.bridge"),
    Text(0, "libvirt", "VFIO PCI device assignment is not supported by the host", "doctor.no-vfio"),
    Text(
        0,
        "libvirt",
        "Device 0000:03:00.0 not found: could not access /sys/bus/pci/devices/0000:03:00.0/config: No such"
        " file or directory",
        "doctor.device-missing",
    ),
    Text(0, "libvirt", "internal error: Did not find USB device 046d:c52b", "doctor.usb-missing"),
    Text(0, "libvirt", "cannot migrate a domain with <hostdev mode='subsystem' type='pci'>", "doctor.no-migration"),
    Text(
        0,
        "libvirt",
        "internal error: cannot execute binary /usr/bin/qemu-system-x86_64: Permission denied",
        "doctor.emulator-denied",
    ),
    Text(
        0,
        "seen",
        'BdsDxe: failed to load Boot0002 "UEFI QEMU DVD-ROM QM00003 " from PciRoot(0x0)/Pci(0x1F,0x2)'
        "/Sata(0x1,0xFFFF,0x0): Access Denied",
        "doctor.secure-boot",
    ),
    Text(0, "seen", "BdsDxe: No bootable option or device was found.", "doctor.efi-shell"),
    Text(0, "seen", "BAR 1: unassigned", "doctor.code-12"),
)
