"""The end of an unattended installation: the discs leave their drives, and the answers, which hold a password, go."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from vdesk.changes.actions import Action
from vdesk.host import Host
from vdesk.host.libvirt_conn import Libvirt
from vdesk.model.errors import Refused, problem
from vdesk.plans import vm_discs
from vdesk.plans.vm_removable import why_answers_kept
from vdesk.vm.defined import Defined, DefinedDisk

SHELL = (
    "If its screen stays at a shell (`Shell>`), the key for `Press any key to boot from CD` came too late: type FS0:"
    " and then \\EFI\\BOOT\\BOOTX64"
)
"""What the firmware ends in when it found nothing to boot from."""


def waits(found: Defined) -> bool:
    """Whether the disc with the answers is still in its drive."""
    return bool(found.answers) and any(disk.source == found.answers for disk in found.disks)


def said(host: Host, found: Defined) -> list[str]:
    """What a person should know of an installation that has begun; nothing without answers of vdesk's."""
    if not waits(found):
        return []
    return [tidied(found.name, "sudo " if host.needs_root else "")]


def tidied(name: str, sudo: str = "sudo ") -> str:
    """What takes the answers away, for a machine in which they still are."""
    how = f"{sudo}vdesk stop {name}"
    return (
        f"The disc with the answers holds a password. Once Windows is installed and runs, {how} removes it; where the"
        f" guest has no agent, or is off already: {how} --installed"
    )


def load(found: Defined) -> list[str]:
    """What loads the disk's driver at the first start, where no answers do: from the second disc, as vdesk puts them
    in."""
    discs = [disk.source for disk in found.disks if disk.disc and disk.source]
    if not found.install or waits(found) or len(discs) < 2:
        return []
    bus = next((disk.bus for disk in found.disks if not disk.disc), "")
    return vm_discs.load(found.os, discs[1], bus)


def finishing(host: Host, libvirt: Libvirt, found: Defined, *, told: bool = False) -> list[Action]:
    """The steps after the guest is off. Only its agent proves that Setup is done, which begins its machine anew several
    times and installs the agent last: none while that does not answer, unless a person has `told`; none for a user who
    may not remove the file, or is on another machine than the file."""
    if libvirt.far or not found.answers:
        return []
    if not told and (host.needs_root or not waits(found) or not libvirt.agent_answers(found.name)):
        return []
    discs = [disk for disk in found.disks if disk.disc and disk.source] if waits(found) else []
    steps = [_eject(libvirt, found, disk) for disk in discs]
    why = why_answers_kept(host, found.answers)
    path = found.answers.lstrip("/")
    if why:
        stays = f"leave {found.answers}, which may hold a password: {why}"
        steps.append(Action("keep", found.answers, stays, lambda progress: None))
    elif host.exists(path):
        gone = f"remove {found.answers}: Windows is installed, and the file holds a password"
        steps.append(Action("remove", found.answers, gone, lambda progress: host.remove(path)))
    return steps


def check_told(found: Defined) -> None:
    """Refused where a person says that Windows is installed, and the machine was not started yet."""
    if found.answers and found.install:
        raise Refused(
            problem(
                "vm.not-installed",
                f"Windows cannot be installed in {found.name}: it was not started yet",
                "its first start begins Setup, which needs the answers",
                f"start it with: vdesk start {found.name}; where nobody needs it: vdesk delete {found.name}",
            )
        )


def _eject(libvirt: Libvirt, found: Defined, disk: DefinedDisk) -> Action:
    drive = Element("disk", type="file", device="cdrom")
    SubElement(drive, "target", dev=disk.target, bus=disk.bus)
    SubElement(drive, "readonly")
    xml = tostring(drive, encoding="unicode")
    summary = f"take {disk.source} out of the drive {disk.target}"
    return Action("eject", disk.target, summary, lambda progress: libvirt.update(found.name, xml))
