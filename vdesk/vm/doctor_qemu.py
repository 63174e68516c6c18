"""What QEMU says when a machine with passed-through devices does not start, or ends (hw/vfio, system/physmem.c)."""

from __future__ import annotations

from vdesk.model.finding import INFO, WARN
from vdesk.vm.doctor_known import Failure

DEVICE = r"(?P<device>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"
OTHER = r"(?P<other>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])"

GROUP = (
    Failure(
        "doctor.group-not-viable",
        (
            rf"vfio {DEVICE}.*group (?P<group>\d+) is not viable",
            r"group (?P<group>\d+) is not viable",
            r"Please ensure all devices within the iommu_group are bound to their vfio bus driver",
        ),
        "another device of the card's IOMMU group is still with a driver of this machine",
        "a group goes to a virtual machine as a whole, and one of its members was not given away",
        "see the members and who has them with: vdesk groups {device}; give them all away with: sudo vdesk"
        " bind {device}",
    ),
    Failure(
        "doctor.device-not-free",
        (
            r"Verify all devices in group (?P<group>\d+) are bound to vfio",
            rf"{DEVICE}.*error getting device from group (?P<group>\d+)",
            r"error getting device from group (?P<group>\d+)",
        ),
        "a device of the machine is not with vfio-pci, or another machine has it",
        "QEMU got the group, but not the device in it",
        "see who has it with: vdesk list, and vdesk groups {device}; stop the other machine, or: sudo vdesk"
        " bind {device}",
    ),
    Failure(
        "doctor.group-busy",
        (r"(?:open|/dev/vfio/)\D*(?P<group>\d+).*Device or resource busy",),
        "the card's group {group} is open already",
        "another virtual machine has it, or a QEMU that ended badly is still there",
        "see which with: vdesk list; and for a QEMU left over: ps -eo pid,stat,args | grep qemu-system",
    ),
    Failure(
        "doctor.group-denied",
        (r"/dev/vfio/(?P<group>\d+|vfio)\b.*(?:Permission denied|Operation not permitted)",),
        "QEMU may not open /dev/vfio/{group}",
        "the machine runs in a user's own session, or AppArmor or a cgroup rule forbids it",
        "define the machine in the system's libvirt: virsh -c qemu:///system; see denials with:"
        " sudo journalctl -k -b --grep apparmor",
    ),
    Failure(
        "doctor.group-missing",
        (
            r"/dev/vfio/(?P<group>\d+).*No such file or directory",
            r"vfio (?P<group>\d+): failed to open",
            r"/dev/vfio/vfio.*No such (?:file|device)",
        ),
        "there is no device node for the card's group",
        "the device is not with vfio-pci, or the module vfio is not loaded",
        "sudo vdesk bind {device}, then start again; vdesk check says whether this kernel has vfio-pci",
    ),
)

CONTAINER = (
    Failure(
        "doctor.memlock",
        (
            r"(?:vfio_container_dma_map|vfio_dma_map|VFIO_MAP_DMA).*(?:-12\b|Cannot allocate memory)",
            r"RLIMIT_MEMLOCK \(?-?\d*\)? ?exceeded",
            r"fai?l(?:ed)? to set(?:up)? (?:up )?.*(?:container|iommu).*Cannot allocate memory",
        ),
        "QEMU may not lock the guest's memory",
        "a device that is passed through needs all of the guest's memory in place, and a limit forbids it: a machine"
        " in a user's own session, or <memtune><hard_limit> in its definition",
        "use qemu:///system, and take a hard_limit out with: virsh edit {name}",
    ),
    Failure(
        "doctor.iommu-refused",
        (r"Failed to set iommu for container: Operation not permitted",),
        "the kernel does not hand the device to QEMU",
        "interrupt remapping is missing, or the firmware keeps memory for the device: the kernel's log says which",
        "vdesk check says whether interrupts are remapped (kernel.irq-remapping), and shows the kernel's"
        " words (kernel.log)",
        settled_by=("doctor.irq-remapping", "doctor.firmware-memory"),
    ),
    Failure(
        "doctor.iommu-invalid",
        (r"Failed to set iommu for container: Invalid argument",),
        "the kernel cannot give the device an address space of its own",
        "the firmware keeps memory for the device (RMRR), and the kernel keeps to it",
        "look for an option on shared memory features in the firmware setup, update the firmware, or use"
        " another device",
        settled_by=("doctor.firmware-memory",),
    ),
    Failure(
        "doctor.no-type1",
        (r"No available IOMMU models",),
        "the kernel offers QEMU no IOMMU",
        "the module vfio_iommu_type1 is not loaded",
        "sudo modprobe vfio_iommu_type1, and see: vdesk check",
    ),
    Failure(
        "doctor.iommu-width",
        (
            r"(?:vfio_container_dma_map|vfio_dma_map|VFIO_MAP_DMA).*(?:-22\b|Invalid argument)",
            r"DMA mapping failed, unable to continue",
        ),
        "the guest uses addresses that the IOMMU cannot translate",
        "many desktop processors' VT-d handles 39 bits of address, and the guest was promised more; for a memory window"
        " of another device (a warning, the machine runs on) it is harmless",
        "if the machine did not start: virsh edit {name}, and below <cpu> write <maxphysaddr mode='passthrough'"
        " limit='39'/> (libvirt 9.3 or later), or <maxphysaddr mode='emulate' bits='39'/> (8.7 or later)",
    ),
    Failure(
        "doctor.container",
        (r"failed to set ?up container for group (?P<group>\d+)",),
        "QEMU could not set up the address space of the card's group {group}",
        "the words after it in the log say why",
        "read them in /var/log/libvirt/qemu/{name}.log, and see: vdesk check {device}",
        settled_by=("doctor.memlock", "doctor.iommu-refused", "doctor.iommu-invalid", "doctor.no-type1"),
    ),
)

RESET = (
    Failure(
        "doctor.no-reset",
        (rf"Cannot reset device {DEVICE}, no available reset mechanism", r"no available reset mechanism"),
        "{device} cannot be reset by itself",
        "it has no function-level reset, and a reset of its bus is not possible; at the first start after power-on that"
        " is often harmless, at a second start the guest may find the card as the last guest left it",
        "give the machine every function of the card (vdesk groups {device}); if a second start fails, power this"
        " machine off and on between them",
        level=WARN,
    ),
    Failure(
        "doctor.reset-needs-more",
        (
            rf"Cannot reset device {DEVICE}, depends on group (?P<group>\d+) which is not owned",
            rf"(?:Cannot reset device {DEVICE}, )?depends on device {OTHER} which is not owned",
        ),
        "the card cannot be reset: another device on its bus is not the machine's",
        "a reset of the bus resets all that is on it, so all of it has to belong to the machine",
        "see what is beside it with: vdesk groups {device}; give it too with: vdesk attach {name} ADDR",
        level=WARN,
    ),
    Failure(
        "doctor.rom-invalid",
        (
            rf"{DEVICE}.*Invalid PCI ROM header signature",
            r"Invalid PCI ROM header signature: expecting 0xaa55, got 0x[0-9a-f]+",
            r"Device option ROM contents are probably invalid",
            r"Skip option ROM probe with rombar=0, or load from file with romfile=",
            r"Device ROM size is zero",
        ),
        "the card's ROM could not be read",
        "the card was asleep, has no ROM of its own (many laptops), or is the one that this machine booted with; if the"
        " guest has a picture all the same, nothing is lost",
        "if there is no picture: give its ROM from a file (create has --rom FILE; on a defined machine virsh edit"
        " {name}, <rom file='...'/> in the card's hostdev), or take it out with <rom bar='off'/>",
        level=WARN,
    ),
    Failure(
        "doctor.card-dead",
        (
            r"Unable to power on device, stuck in D3",
            rf"{DEVICE}.*(?:Unable to|can't) change power state from D3(?:cold|hot) to D0",
            rf"{DEVICE}.*Refused to change power state, currently in D3",
            r"(?:Unable to|can't) change power state from D3(?:cold|hot) to D0",
            r"Assertion .*0 <= irq_num.*PCI_NUM_PINS.* failed",
            r"Unknown PCI header type '?127'?(?: for device '(?P<device>[0-9a-f:.]+)')?",
        ),
        "the card does not answer any more",
        "it did not come back from its deepest sleep or from a reset: all that is read from it is ones",
        "power this machine off completely (not a reboot) and on again; if it comes back, keep the card awake:"
        " echo on | sudo tee /sys/bus/pci/devices/{device}/power/control",
    ),
)

MEMORY = (
    Failure(
        "doctor.hugepages",
        (r"unable to map backing store for (?:hugepages|guest RAM)", r"os_mem_prealloc.*(?:hugepage|Insufficient)"),
        "there are not enough huge pages for the machine",
        "they could not be allocated, or another machine has them",
        "see how many are free with: grep Huge /proc/meminfo; close large programs, or reboot, and start again",
    ),
    Failure(
        "doctor.memory",
        (r"cannot set up guest memory '[^']*': Cannot allocate memory", r"cannot allocate guest memory"),
        "this machine has not enough free memory for the guest",
        "with a device passed through, all of the guest's memory has to be there at the start",
        "see what is free with: free -h; close large programs, or give the machine less with: virsh edit {name}",
    ),
    Failure(
        "doctor.no-kvm",
        (r"Could not access KVM kernel module", r"failed to initialize kvm", r"invalid accelerator kvm"),
        "QEMU cannot use KVM",
        "virtualization is off in the firmware setup, or the module kvm_intel or kvm_amd is not loaded",
        "vdesk check says which (cpu.virtualization, kvm.device)",
    ),
    Failure(
        "doctor.features",
        (r"host doesn't support requested feature: (?P<what>.*)",),
        "the guest was promised a feature of the processor that this one lacks",
        "the machine runs without it",
        "nothing to do",
        level=INFO,
    ),
)

KNOWN = (*GROUP, *CONTAINER, *RESET, *MEMORY)
