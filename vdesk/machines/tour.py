"""The tour of `vdesk demo`: real commands in the order of the road, and what each means on a real machine."""

from __future__ import annotations

from typing import NamedTuple

IMAGES = "/var/lib/libvirt/images"
DISCS = ("win10.iso", "virtio-win.iso")
"""What lies in that folder of the demo machine."""
ISO = f"{IMAGES}/{DISCS[0]}"
INTRO = (
    "The whole road, on a machine that exists only as text: a desktop with an Intel",
    "Core, whose own graphics show the picture, and a GeForce GTX 950 for Windows.",
    "Every step is the real command, on a private copy in a temporary folder.",
    "Nothing of this computer is touched, and nothing needs root.",
)
OUTRO = (
    "That was the road. On your machine, begin with: vdesk check",
    "It only reads. Every command that changes something shows its plan first,",
    "asks, and can be taken back; with --dry-run it shows the plan and ends.",
)


class Step(NamedTuple):
    """One command: its words, its exit code, what is said before it; `instead` where libvirt is missing."""

    words: tuple[str, ...]
    exit_code: int
    before: tuple[str, ...]
    reboot: bool = False
    instead: tuple[str, ...] = ()


TOUR = (
    Step(
        ("check",),
        3,
        ("Is it ready? Exit code 3 says no, and the lines at the end say what to do.",),
    ),
    Step(
        ("iommu", "enable", "--igfx-off", "--dry-run"),
        0,
        (
            "The firmware has the IOMMU on, the kernel does not use it: an argument is",
            "missing. First the plan alone: this is all that would be changed.",
        ),
    ),
    Step(
        ("iommu", "enable", "--igfx-off", "--yes"),
        0,
        (
            "Now for real. A real machine asks, needs root, and runs update-grub here;",
            "on a captured machine no command runs, so that part is skipped.",
        ),
    ),
    Step(
        ("check",),
        0,
        (
            "The machine reboots with the argument. (Here the copy is switched to what the",
            "kernel shows after that boot.) There are groups now, and in the kernel's log",
            "the lines DMAR: IOMMU enabled and DMAR: Disable GFX device mapping.",
        ),
        reboot=True,
    ),
    Step(
        ("groups", "--gpu"),
        0,
        (
            "What can be handed over? A group goes to the virtual machine as a whole;",
            "bridges in it do not count.",
        ),
    ),
    Step(
        ("bind", "01:00.0", "--yes"),
        0,
        (
            "The card goes to vfio-pci, and its HDMI audio, of the same group, along with",
            "it. A reboot gives both back to their drivers, and so does vdesk unbind.",
        ),
    ),
    Step(
        ("create", "hoth", "--iso", ISO, "--connect", "test:///default", "--yes"),
        0,
        (
            "The virtual machine: UEFI, Q35, the card with both its functions, a fast disk,",
            "clocks and timers as Windows likes them. It is defined in libvirt's test",
            "driver, which runs nothing; without --connect it would be the real one.",
        ),
        instead=("create", "hoth", "--iso", ISO, "--print-xml"),
    ),
    Step(
        ("history",),
        0,
        ("Every change was written down before it was made.",),
    ),
    Step(
        ("undo", "--all", "--yes"),
        0,
        ("And all of it can be taken back, newest first.",),
    ),
)
