"""What Windows Setup would wipe by an answer file that does not ask (WillWipeDisk): disk 0 of those that it sees. The
machine's own disk is seen once its driver is loaded; a disk behind a device that is handed over is there before."""

from __future__ import annotations

from collections.abc import Iterator

from vdesk.host import Host, media
from vdesk.host.pci import devices
from vdesk.host.usb import STORAGE, usb_devices
from vdesk.model.errors import Problem, Refused, VdeskError, problem
from vdesk.vm.spec import Disk, Spec, Usb

CONTROLLER, USB_CONTROLLER = "01", "0c03"
HEAD = 1 << 20
"""Where every partition table and file system says that it is there; a new qcow2 without a guest's data is smaller."""


def refuse(host: Host, spec: Spec) -> None:
    """Refused, with every reason, where a disk that somebody uses could be wiped."""
    problems = [*_controllers(host, spec), *_sticks(host, spec.usb), *_used(host, spec.disk)]
    if problems:
        raise Refused(*problems)


def warnings(host: Host, spec: Spec) -> list[str]:
    """What a person has to look to."""
    classes = {device.address: device.pci_class for device in devices(host, names=False)}
    given = [each.address for each in spec.functions if classes.get(each.address, "").startswith(USB_CONTROLLER)]
    return [
        f"WARNING: unplug the disks at the USB controller {address} before the first start: Setup could take one of"
        " them for the machine's and wipe it."
        for address in given
    ]


def _problem(what: str, why: str, instead: str) -> Problem:
    return problem("vm.would-wipe", f"--unattended could wipe {what}", why, instead)


def _controllers(host: Host, spec: Spec) -> Iterator[Problem]:
    classes = {device.address: device.pci_class for device in devices(host, names=False)}
    for each in spec.functions:
        if classes.get(each.address, "").startswith(CONTROLLER):
            yield _problem(
                f"the disks at {each.address}",
                "the machine gets that controller, and Setup sees its disks before the machine's own: they are disk 0,"
                " and the answers have disk 0 wiped without a question",
                f"install first, then: vdesk attach {spec.name} {each.address}; or leave --unattended out",
            )


def _sticks(host: Host, given: tuple[Usb, ...]) -> Iterator[Problem]:
    plugged = usb_devices(host) if given else []
    for usb in given:
        ids = f"{usb.vendor}:{usb.product}"
        if any(each.ids == ids and STORAGE in each.classes for each in plugged):
            yield _problem(
                f"the USB disk {ids}",
                "Setup sees it before the machine's own disk, and the answers have disk 0 wiped without a question",
                "leave --usb out for the installation, or --unattended",
            )


def _used(host: Host, disk: Disk) -> Iterator[Problem]:
    if disk.create is None and _has_data(host, disk):
        yield _problem(
            disk.path,
            "there is something on it, and the answers have the machine's disk wiped without a question",
            "leave --disk out and vdesk makes a new one, or leave --unattended out, and Setup asks where to install",
        )


def _has_data(host: Host, disk: Disk) -> bool:
    """Whether anything is on it; what cannot be looked at is only warned of."""
    try:
        found = media.find(host, disk.path, "--disk")
        if disk.format != "raw":
            return found.size > HEAD
        return media.read_at(found, 0, HEAD).strip(b"\0") != b""
    except VdeskError:
        return False
