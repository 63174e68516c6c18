"""What the kernel says of devices that are passed through (drivers/vfio, drivers/iommu, drivers/pci)."""

from __future__ import annotations

from vdesk.model.finding import INFO, WARN
from vdesk.vm.doctor_known import Failure
from vdesk.vm.doctor_qemu import DEVICE

KNOWN = (
    Failure(
        "doctor.bar-reserved",
        (rf"{DEVICE}: BAR (?P<bar>\d+): can't reserve \[mem", r"BAR (?P<bar>\d+): can't reserve \[mem"),
        "something of this machine still uses the card's memory",
        "often the boot's framebuffer (BOOTFB, simpledrm or efifb in /proc/iomem), or the card's own driver; the guest"
        " then has errors 43 or 12, or a black screen",
        "see who has it with: sudo grep -i -A9 {device} /proc/iomem; make another card the primary one in the firmware"
        " setup, or take the card at every boot with: sudo vdesk bind {device} --boot",
    ),
    Failure(
        "doctor.firmware-memory",
        (
            r"Device is ineligible for IOMMU domain attach due to platform RMRR requirement",
            r"Firmware has requested this device have a 1:1 IOMMU mapping",
        ),
        "the firmware keeps memory for the device, so it cannot be handed over",
        "servers and some network and USB controllers have such a region (RMRR); graphics cards normally do not",
        "look for an option on shared memory features in the firmware setup, update the firmware, or use"
        " another device",
    ),
    Failure(
        "doctor.irq-remapping",
        (
            r"No interrupt remapping support",
            r"MSI interrupts are not secure, they cannot be isolated by the platform",
        ),
        "interrupts are not remapped, and the kernel hands no device over without that",
        "the firmware has it off or opts out, an argument (intremap=off, nointremap) switches it off, or the"
        " board is too"
        " old: a guest could make interrupts of this machine's",
        "vdesk check (kernel.irq-remapping) names the reason; update the firmware or take the argument out."
        " allow_unsafe_interrupts=1 goes around it, only for guests that you trust as yourself",
    ),
    Failure(
        "doctor.bus-reset",
        (
            rf"{DEVICE}: not ready \d+ms after (?P<what>[\w ]+); (?:waiting|giving up)",
            r"not ready \d+ms after (?P<what>[\w ]+); (?:waiting|giving up)",
        ),
        "the card did not come back after its reset",
        "some cards, older AMD ones above all, cannot be reset twice",
        "power this machine off completely and on again; afterwards start the machine only once between two boots of"
        " this one",
    ),
    Failure(
        "doctor.nvidia-held",
        (
            rf"NVRM: Attempting to remove device {DEVICE} with non-zero usage count",
            r"NVRM: Attempting to remove device",
        ),
        "NVIDIA's driver waits: a program still has the card",
        "the driver was asked to let go of the card while it was in use, and holds whoever asked until the last program"
        " has closed it",
        "see who has it with: sudo fuser -v /dev/nvidia* /dev/dri/*; close them, and it goes on by itself; else reboot",
    ),
    Failure(
        "doctor.dma-fault",
        (
            r"DMAR: DRHD: handling fault status reg",
            r"\[DMA (?:Read|Write)[^]]*\] Request device \[(?P<device>[0-9a-f:.]+)\]",
            r"PTE (?:Read|Write) access is not set",
            r"AMD-Vi: Event logged \[IO_PAGE_FAULT.*device=(?P<device>[0-9a-f:.]+)",
        ),
        "a device accesses memory that the IOMMU does not give it",
        "the firmware or the driver of a device works past the IOMMU: often the integrated graphics, or the management"
        " engine",
        "for the integrated graphics: sudo vdesk iommu enable --igfx-off; for another one of this machine's own: sudo"
        " vdesk iommu enable --pt; then reboot",
        level=WARN,
        any_device=True,
    ),
    Failure(
        "doctor.apparmor",
        (r"apparmor=\"DENIED\".*profile=\"libvirt-[0-9a-f-]+\".*name=\"(?P<path>[^\"]+)\"",),
        "AppArmor does not let QEMU open {path}",
        "libvirt makes a profile for each machine from its definition, and this file is not in it",
        "put ROM files into /usr/share/vgabios and images into /var/lib/libvirt/images, and name the new place with:"
        " virsh edit {name}",
    ),
    Failure(
        "doctor.killed",
        (
            r"Out of memory: Killed process \d+ \((?P<what>qemu-system\S*)\)",
            r"oom-kill:.*task=(?P<what>qemu-system\S*)",
        ),
        "the kernel ended QEMU: this machine ran out of memory",
        "the guest's memory is all in use from the start, and other programs wanted more than was left",
        "give the machine less memory with: virsh edit {name}; or close large programs before the start",
    ),
    Failure(
        "doctor.virtual-functions",
        (rf"{DEVICE}: Cannot bind to PF with SR-IOV enabled", r"Cannot bind to PF with SR-IOV enabled"),
        "vfio-pci does not take the device: its virtual functions (SR-IOV) are switched on",
        "the device and its virtual functions would be in different hands, and the kernel does not allow that",
        "stop what uses them, then: echo 0 | sudo tee /sys/bus/pci/devices/{device}/sriov_numvfs; or give one of the"
        " virtual functions to the machine instead: vdesk groups",
    ),
    Failure(
        "doctor.denied-device",
        (
            rf"{DEVICE}: (?P<ids>[0-9a-f]{{4}}:[0-9a-f]{{4}}) exists in vfio-pci device denylist",
            r"exists in vfio-pci device denylist",
        ),
        "vfio-pci does not take the device: the kernel has it on a list of those that no guest may have",
        "accelerators of Intel's (QAT, DSA, IAA) are on it: a guest with one could disturb this machine",
        "use another device; only for a guest that you trust as yourself: options vfio-pci disable_denylist=1 in"
        " /etc/modprobe.d, and a reboot",
    ),
    Failure(
        "doctor.asked-back",
        (
            rf"{DEVICE}: Relaying device request to user",
            r"Relaying device request to user",
            rf"{DEVICE}: No device request channel registered, blocked until released by user",
            r"No device request channel registered, blocked until released by user",
        ),
        "something of this machine wants the device back while the virtual one has it",
        "it was asked to leave vfio-pci, or removed from the bus; whoever asked waits in the kernel until the guest"
        " lets go of it, and the guest sees it being unplugged",
        "shut the virtual machine down, with: vdesk stop {name}; it goes on by itself then. Do not unbind a device that"
        " a running machine has (vdesk list)",
        level=WARN,
    ),
    Failure(
        "doctor.write-exists",
        (r"write error: File exists",),
        "the id was registered with the driver before",
        "new_id takes each vendor and device only once, and takes every card of that model",
        "nothing is broken; see who has the device with: vdesk groups, and bind by address with: sudo vdesk"
        " bind {device}",
        level=INFO,
    ),
    Failure(
        "doctor.write-busy",
        (r"write error: Device or resource busy",),
        "the device belongs to another driver, or its group to a running machine",
        "a device has one driver at a time, and a group that a machine has open stays with it",
        "stop the machine (vdesk list), then: sudo vdesk bind {device}, or sudo vdesk unbind {device}",
    ),
    Failure(
        "doctor.write-no-device",
        (r"write error: No such device",),
        "the driver does not know the device",
        "it was not bound to that driver, or the driver does not match it",
        "see which driver has it with: vdesk groups; take it by address with: sudo vdesk bind {device}",
    ),
    Failure(
        "doctor.write-invalid",
        (r"write error: Invalid argument",),
        "the kernel does not take that device, or the address or id is malformed",
        "a bridge cannot go to vfio-pci, and an address has the form 0000:01:00.0",
        "see the devices with: vdesk groups; take one by address with: sudo vdesk bind {device}",
    ),
    Failure(
        "doctor.module-in-use",
        (
            r"Module (?P<module>\w+) is in use(?: by: (?P<users>[\w ]+))?",
            r"modprobe: FATAL: Module (?P<module>\w+) is in use",
        ),
        "the module {module} cannot be unloaded: something uses it",
        "a program has a node of the card open (the desktop, a service of NVIDIA's), another module needs it, or a"
        " console is on the card",
        "see who with: sudo fuser -v /dev/nvidia* /dev/dri/*; log out of a desktop that is on the card, or"
        " take the card"
        " at every boot with: sudo vdesk bind {device} --boot",
    ),
)
