"""An example or two of each command: for its help, its manual page and the reference."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "check": (
        ("vdesk check", "is this machine ready, and what is missing"),
        ("vdesk check 01:00.0", "only what concerns this card"),
    ),
    "groups": (
        ("vdesk groups --gpu", "the groups of the graphics cards"),
        ("vdesk groups 01:00.0", "the group of one device"),
        ("vdesk groups --svg groups.svg", "a picture of them all"),
    ),
    "iommu": (("vdesk iommu status", "what is configured, and what the kernel made of it"),),
    "iommu status": (("sudo vdesk iommu status", "with what only root may read"),),
    "iommu enable": (
        ("vdesk iommu enable --dry-run", "every file with its diff; nothing is changed"),
        ("sudo vdesk iommu enable --pt", "also without translation for the host's own devices"),
    ),
    "iommu disable": (("sudo vdesk iommu disable", "take the argument out again"),),
    "iommu groups": (("vdesk iommu groups --usb", "the groups of the USB controllers"),),
    "bind": (
        ("sudo vdesk bind 01:00.0", "the card, its sound and what must go with it"),
        ("sudo vdesk bind 01:00.0 --boot", "at every boot too"),
        ("vdesk bind --list", "what is bound at boot, and whether that has worked"),
    ),
    "unbind": (
        ("sudo vdesk unbind 01:00.0", "back to the drivers it had"),
        ("sudo vdesk unbind 01:00.0 --boot", "no longer at boot either"),
    ),
    "gpu": (("vdesk gpu list", "who has which card, and which of them shows the desktop"),),
    "gpu list": (("sudo vdesk gpu list", "with the programs of all users that hold a card"),),
    "gpu query": (("vdesk gpu query", "the mode of the next boot"),),
    "gpu select": (("sudo vdesk gpu select intel", "keep the desktop off the NVIDIA card from the next boot on"),),
    "gpu rom": (("sudo vdesk gpu rom 01:00.0 -o card.rom", "check the card's ROM and keep it"),),
    "create": (
        ("sudo vdesk create hoth --iso win10.iso", "with the defaults that fit this machine"),
        ("vdesk create hoth --iso win11.iso --print-xml", "only look at the definition"),
        ("sudo vdesk create hoth --iso win11.iso --pin --hugepages --start", "for games, and start it"),
        ("sudo vdesk create hoth --iso win11.iso --disk vg0/hoth:128GiB", "on a new logical volume"),
    ),
    "answer-file": (
        ("vdesk answer-file answers.xml --user luke", "asks for the password"),
        ("vdesk answer-file answers.xml --user luke --no-tpm", "for a machine of create --no-tpm"),
    ),
    "list": (("vdesk list", "every machine, its state, and who has its card"),),
    "show": (("vdesk show hoth --cpus", "in words, with the map of its processors"),),
    "start": (("sudo vdesk start hoth", "look before, bring up its networks, start it"),),
    "stop": (
        ("sudo vdesk stop hoth --wait 300", "ask the guest, and wait for five minutes"),
        ("sudo vdesk stop hoth --installed", "and remove the answers for Setup, where no agent tells that it is done"),
    ),
    "attach": (("sudo vdesk attach hoth 02:00.0", "a USB controller, to the definition and to the running machine"),),
    "detach": (("sudo vdesk detach hoth 02:00.0", "and back"),),
    "delete": (("sudo vdesk delete hoth --disks", "with its image files, which cannot be brought back"),),
    "doctor": (
        ("sudo vdesk doctor hoth", "why it does not start"),
        ('vdesk doctor hoth --seen "Code 43"', "what no log knows of"),
    ),
    "hook": (("vdesk hook status", "is it there, and has libvirt noticed it"),),
    "hook install": (("sudo vdesk hook install", "take cards at a start, give them back at the end"),),
    "hook remove": (("sudo vdesk hook remove", "take it away again"),),
    "hook status": (("sudo vdesk hook status", "with what only root may read"),),
    "hook check": (("sudo vdesk hook check", "run its own test"),),
    "history": (("sudo vdesk history", "every change, newest last"),),
    "undo": (
        ("sudo vdesk undo", "take the last change back"),
        ("sudo vdesk undo 3", "take this one back"),
        ("sudo vdesk undo --all", "this machine as it was before vdesk"),
    ),
    "report": (
        ("sudo vdesk report", "one page, vdesk-report.html, for whoever helps"),
        ("vdesk --root machine.tar.zst report -o machine.html", "the page of a captured machine"),
    ),
    "capture": (
        ("sudo vdesk capture machine.tar.zst", "one file that a maintainer can look at"),
        ("vdesk --root machine.tar.zst check", "and what vdesk sees in it"),
    ),
    "setup": (
        ("sudo vdesk setup", "asks, shows, and goes on after the reboot"),
        ("vdesk setup --dry-run", "where this machine stands, and what would be done"),
        ("sudo vdesk setup --yes --gpu 01:00.0 --boot --iso win11.iso --name hoth", "for scripts"),
    ),
    "install": (
        ("vdesk install --dry-run", "what is missing, and the command that brings it"),
        ("sudo vdesk install", "the packages, your groups, libvirt's daemon"),
    ),
    "demo": (
        ("vdesk demo", "the whole tour"),
        ("vdesk demo bind 01:00.0", "one command on the demo machine"),
    ),
}
"""Full name of a command -> (what to type, what for)."""
