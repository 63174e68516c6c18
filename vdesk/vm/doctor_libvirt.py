"""What libvirt says when it does not start a machine (src/qemu, src/hypervisor/virhostdev.c, src/util/virpci.c)."""

from __future__ import annotations

from vdesk.vm.doctor_known import Failure

PCI = r"(?P<device>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"

KNOWN = (
    Failure(
        "doctor.hook-cannot-run",
        (r"Hook script execution failed.*(?:unexpected )?exit status 12[67]\b:? ?(?P<why>.*)",),
        "a libvirt hook could not be run at all",
        "it is not executable, SELinux or AppArmor forbids it, or its interpreter (an old `python`) is not installed",
        "for vdesk's hook: sudo vdesk hook check; for one of your own look at its first line and its mode in"
        " /etc/libvirt/hooks",
    ),
    Failure(
        "doctor.hook-failed",
        (
            r"Hook script execution failed.*exit status \d+:? ?(?P<why>.*)",
            r"Hook script execution failed:? ?(?P<why>.*)",
        ),
        "a libvirt hook refused the start: {why}",
        "what runs before a start (/etc/libvirt/hooks) ended with an error, and these are its words",
        "do what it says; vdesk's own hook writes more to /var/log/vdesk/hook.log, and tests itself with:"
        " sudo vdesk hook"
        " check",
    ),
    Failure(
        "doctor.network-inactive",
        (r"network '(?P<network>[^']+)' is not active", r"Cannot get interface MTU on '(?P<network>virbr\d+)'"),
        "the machine's network {network} is not up",
        "libvirt does not start a network by itself unless it is told to",
        "sudo vdesk start {name} brings it up; for good: virsh net-autostart {network}",
    ),
    Failure(
        "doctor.no-firmware",
        (
            r"Unable to find 'efi' firmware that is compatible with the current configuration",
            r"Unable to find any firmware to satisfy '(?P<kind>\w+)'",
        ),
        "libvirt found no UEFI firmware for the machine",
        "the package is not installed, or Secure Boot was asked for and the installed images or the machine type (it"
        " needs q35) have none",
        "sudo apt install ovmf (Fedora: edk2-ovmf); vdesk check says what there is (software.firmware)",
    ),
    Failure(
        "doctor.no-tpm",
        (
            r"TPM version '?[\d.]+'? is not supported",
            r"Unable to find '?swtpm(?:_setup)?'? binary",
            r"swtpm(?:_setup)?.*(?:No such file|not found|exit status)",
        ),
        "there is no TPM emulator for the machine",
        "swtpm, which plays the TPM 2.0 that Windows 11 asks for, or its set-up program is not installed",
        "sudo apt install swtpm swtpm-tools (Fedora: swtpm swtpm-tools)",
    ),
    Failure(
        "doctor.vfio-blocked",
        (r"Failed to load PCI driver module (?P<module>[\w-]+): administratively prohibited",),
        "the module {module} is forbidden on this machine",
        "a file in /etc/modprobe.d blacklists it",
        "find it with: grep -r vfio /etc/modprobe.d; take that line out",
    ),
    Failure(
        "doctor.other-machine",
        (
            rf"PCI device {PCI} is in use by driver \w+, domain (?P<other>.+)",
            r"PCI device .*is in use by driver \w+, domain (?P<other>.+)",
            r"is in use by driver QEMU, domain (?P<other>.+)",
        ),
        "the machine {other} has the device",
        "a device belongs to one running machine at a time",
        "stop that one first, with: vdesk stop {other}",
    ),
    Failure(
        "doctor.unmanaged",
        (rf"Unmanaged PCI device {PCI} must be manually detached", r"must be manually detached from the host"),
        "the device was not taken from its driver before the start",
        "the definition says managed='no', so libvirt leaves that to you",
        "sudo vdesk bind {device}; or have libvirt do it: virsh edit {name}, and write managed='yes' in its hostdev",
    ),
    Failure(
        "doctor.bridge",
        (r"Non-endpoint PCI devices cannot be assigned",),
        "the machine was given a bridge",
        "a bridge connects others, and cannot be handed over",
        "take it out with: virsh edit {name}; the devices behind it can be given: vdesk groups",
    ),
    Failure(
        "doctor.no-vfio",
        (
            r"VFIO PCI device assignment is not supported by the host",
            r"VFIO device assignment is currently not supported on this system",
            r"host doesn't support (?:VFIO )?passthrough of (?:host )?PCI devices",
        ),
        "this machine can hand no device over",
        "the IOMMU is off, or the kernel has no vfio",
        "vdesk check says which (kernel.iommu, kernel.vfio); usually: sudo vdesk iommu enable, and a reboot",
    ),
    Failure(
        "doctor.device-missing",
        (
            r"Device (?P<device>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]) not found",
            r"could not access /sys/bus/pci/devices/(?P<device>[0-9a-f:.]+)/config",
        ),
        "the device {device} is not in this machine",
        "cards were moved or taken out, and addresses change with that; or another program removed it from the bus",
        "see today's addresses with: vdesk groups; then: vdesk detach {name} {device}; vdesk bind ADDR, which takes"
        " the whole group; and for each of its functions: vdesk attach {name} ADDR",
    ),
    Failure(
        "doctor.usb-missing",
        (r"Did not find USB device (?P<usb>[0-9a-f:]+)",),
        "the USB device {usb} is not plugged in",
        "the machine was given it, and does not start without it",
        "plug it in, or virsh edit {name} and write startupPolicy='optional' in its <source>",
    ),
    Failure(
        "doctor.usb-several",
        (r"Multiple USB devices for (?P<usb>[0-9a-f]+:[0-9a-f]+)",),
        "several USB devices {usb} are plugged in, and libvirt does not know which one is meant",
        "the machine was given one by its vendor and product, which are the same for all of that model",
        "unplug the others before the start; or say which one, by what lsusb shows of it today: virsh edit {name}, and"
        " write <address bus='B' device='D'/> in its <source>",
    ),
    Failure(
        "doctor.no-migration",
        (r"cannot migrate a domain with <hostdev",),
        "a machine with a device of this one cannot be saved or moved",
        "what is in the card cannot be written down",
        "shut it down instead, with: vdesk stop {name}; in /etc/default/libvirt-guests write ON_SHUTDOWN=shutdown",
    ),
    Failure(
        "doctor.emulator-denied",
        (r"cannot execute binary (?P<path>\S+): Permission denied", r"Cannot check QEMU binary (?P<path>\S+)"),
        "libvirt cannot run QEMU",
        "the emulator that the definition names is missing, or may not be run",
        "sudo apt install qemu-system-x86, and see: vdesk check (software.qemu)",
    ),
)
