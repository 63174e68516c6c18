"""What a person sees in the guest or on the monitor: no log has it, `vdesk doctor NAME --seen` is told it."""

from __future__ import annotations

from vdesk.vm.doctor_known import Failure

KNOWN = (
    Failure(
        "doctor.code-43",
        (r"\bCode 43\b",),
        "Windows has stopped the card (Code 43)",
        "a driver of NVIDIA's from before 2021, no good ROM on the card that this machine booted with,"
        " memory of the card"
        " that this machine still uses, or a laptop's card without a ROM and connectors of its own",
        "first install the newest driver in the guest; then vdesk doctor {name} must show no doctor.bar-reserved; then"
        " give the card's ROM from a file (<rom file='...'/>, virsh edit {name}); turn Resizable BAR off in"
        " the firmware"
        " setup",
    ),
    Failure(
        "doctor.code-12",
        (r"\bCode 12\b", r"BAR \d+:? unassigned"),
        "the guest finds no room for the card's memory (Code 12)",
        "the guest's firmware gives large windows only where it trusts the processor's address width",
        "virsh edit {name}, and below <cpu> write <maxphysaddr mode='passthrough'/> (libvirt 8.7 or later); what vdesk"
        " create makes today has it",
    ),
    Failure(
        "doctor.code-10",
        (r"\bCode (?:10|31)\b",),
        "the guest's driver does not start the card (Code 10 or 31)",
        "it is the wrong driver, or the card was not reset after the last guest",
        "install the maker's newest driver in the guest; if it stays, power this machine off completely and on again",
    ),
    Failure(
        "doctor.black-screen",
        (r"black screen", r"no (?:picture|signal)"),
        "the machine runs, and the monitor at the card stays black",
        "the monitor listens to another input, the card has no UEFI part in its ROM, it is the one this machine booted"
        " with, or it was not reset",
        "switch the monitor's input; see whether the guest lives with: virt-viewer --attach {name}; then vdesk check"
        " {device} (gpu.rom, gpu.host-display, gpu.reset)",
    ),
    Failure(
        "doctor.host-freezes",
        (r"\b(?:freeze|froze|hang)\w*",),
        "this machine freezes when the virtual one starts",
        "the card was the one that the desktop was on, the virtual machine was given a disk or controller that this one"
        " needs, or all memory was taken",
        "after a reboot: vdesk check {device} says whether the desktop is on the card (gpu.host-display) and"
        " what shares its"
        " group (gpu.group); give the virtual machine less memory with: virsh edit {name}",
    ),
    Failure(
        "doctor.secure-boot",
        (r"failed to load Boot[0-9A-F]{4}\b.*: (?:Access Denied|Security Violation)",),
        "Secure Boot does not let the machine start its disc or disk",
        "what is on it is not signed by a key that the firmware has, or an update has revoked its signature",
        "take a newer image of the same system; for one that is not signed, define the machine without --secure-boot"
        " (Windows 10 and Linux; Windows 11 asks for it)",
    ),
    Failure(
        "doctor.efi-shell",
        (r"UEFI Interactive Shell", r"Shell>", r"No bootable option or device was found"),
        "the firmware found nothing to start",
        "nobody pressed a key when the disc asked for one, or the disk is empty",
        "sudo vdesk stop {name} --force, then sudo vdesk start {name}; in the shell type FS0: and then"
        " \\EFI\\BOOT\\BOOTX64",
        settled_by=("doctor.secure-boot",),
    ),
)
