"""What is on the discs of a new machine: whether UEFI can start it."""

from __future__ import annotations

from vdesk.host import eltorito
from vdesk.host.media import Disc, Media
from vdesk.vm.defaults import Say


def told(install: Media, disc: Disc, say: Say) -> None:
    """Say where nothing on the installation disc is for UEFI, which every machine of vdesk's has. No refusal: what UEFI
    finds on a disc is its firmware's affair, and another disc can be put in."""
    found = eltorito.starts(install) if disc.iso else eltorito.UEFI
    if found == eltorito.BIOS:
        say(
            f"WARNING: {install.path} starts machines with a BIOS only, and the machine has UEFI: it will end in the"
            " firmware's shell. Take a disc that is made for UEFI too."
        )
    elif found == eltorito.NOTHING:
        say(
            f"WARNING: nothing on {install.path} starts a machine: it has no boot catalogue (El Torito), and no"
            " EFI/BOOT/BOOTX64.EFI. Is it the disc for the installation?"
        )
