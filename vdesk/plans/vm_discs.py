"""What is on the discs of a new machine: whether UEFI can start the one, and the other has its drivers."""

from __future__ import annotations

from vdesk.host import eltorito, virtio_iso
from vdesk.host.media import Disc, Media
from vdesk.vm.answer_file import BYPASS, lab_config
from vdesk.vm.defaults import Say
from vdesk.vm.spec import TITLES, Spec


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


def virtio(drivers: Media | None, os: str, say: Say) -> bool:
    """Whether the guest will have VirtIO drivers: its own, or those of the disc. A disc without them is said."""
    if os not in virtio_iso.FOLDERS:
        return True
    if drivers is None:
        return False
    if virtio_iso.has_drivers(drivers, os) is not False:
        return True
    say(
        f"WARNING: {drivers.path} has no VirtIO drivers for {TITLES[os]} ({virtio_iso.setup_folder(os)}), so"
        " the machine gets a SATA disk and an e1000e network card: both slower. "
        f"Get them from {virtio_iso.SOURCE}, and name that disc with --virtio-iso."
    )
    return False


def load(os: str, drivers: str | None, bus: str) -> list[str]:
    """What a person does in Setup to see the disk, where nothing answers for them; nothing for a guest or a disk that
    needs no driver."""
    if os not in virtio_iso.FOLDERS or drivers is None or bus != "scsi":
        return []
    folder = virtio_iso.setup_folder(os)
    return [f"Windows Setup shows the disk once its driver is loaded: `Load driver`, folder {folder} of {drivers}"]


def past_checks(spec: Spec) -> list[str]:
    """How a person gets past the questions of Windows 11's Setup that a machine without TPM or Secure Boot fails."""
    if spec.os != "win11" or (spec.tpm and spec.secure_boot):
        return []
    lacks = [("a TPM", "tpm")] * (not spec.tpm) + [("Secure Boot", "secure_boot")] * (not spec.secure_boot)
    return [
        f"What gets past Setup's check for {what}, typed there after Shift+F10: {lab_config(BYPASS[name])}"
        for what, name in lacks
    ]
