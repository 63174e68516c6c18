"""What Windows Setup would wipe by an answer file that does not ask (WillWipeDisk): disk 0 of those that it sees. The
machine's own disk is seen once its driver is loaded; a disk behind a device that is handed over is there before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from vdesk.host import Host, media
from vdesk.host.pci import read_device
from vdesk.host.usb import STORAGE, UsbDevice, usb_devices
from vdesk.model.address import Address
from vdesk.model.errors import Absent, HostError, Problem, Refused, VdeskError, problem
from vdesk.plans import vm_install
from vdesk.plans.vm_answer import LIMIT
from vdesk.vm.answer_check import NAMESPACE
from vdesk.vm.answer_disc import content
from vdesk.vm.defined import Defined
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
    return [_unplug(each.address) for each in spec.functions if _controller(host, each.address) == USB_CONTROLLER]


def _unplug(address: Address) -> str:
    return (
        f"WARNING: unplug the disks at the USB controller {address} before the first start: Setup could take one of"
        " them for the machine's and wipe it."
    )


def _controller(host: Host, address: Address) -> str:
    """CONTROLLER or USB_CONTROLLER where disks can be behind the device, else empty."""
    device = read_device(host, address)
    found = device.pci_class if device else ""
    return next((each for each in (CONTROLLER, USB_CONTROLLER) if found.startswith(each)), "")


def still_waiting(host: Host, found: Defined, address: Address) -> list[str]:
    """Warnings for a function that a machine gets while the answers are in its drive; Refused where Setup could wipe
    what is behind it."""
    if not _wipes(host, found):
        return []
    at = _controller(host, address)
    if at == CONTROLLER:
        raise Refused(_late(f"the disks at {address}", found, "install first, and attach it afterwards"))
    return [_unplug(address)] if at == USB_CONTROLLER else []


def at_start(host: Host, found: Defined, said: list[str]) -> Iterator[Problem]:
    """What a machine has got since it was created, and the answers could still have wiped. Its own disk is not looked
    at: once Windows is on it, it is what the machine starts from."""
    if not _wipes(host, found):
        return
    for address in found.functions:
        at = _controller(host, address)
        if at == CONTROLLER:
            yield _late(f"the disks at {address}", found, f"vdesk detach {found.name} {address}, until it is installed")
        elif at == USB_CONTROLLER and found.install:
            said.append(_unplug(address))
    plugged = usb_devices(host) if found.usb_by_ids else []
    for ids in dict.fromkeys(found.usb_by_ids):
        if _is_disk(plugged, ids):
            yield _late(f"the USB disk {ids}", found, "unplug it until Windows is installed")


def _wipes(host: Host, found: Defined) -> bool:
    """Whether the answers are in the machine's drive and have a disk wiped; a disc that may not be read is taken to."""
    if not vm_install.waits(found):
        return False
    try:
        data = content(host.read_bytes(found.answers.lstrip("/"), LIMIT + HEAD))
        root = ElementTree.fromstring(data)
    except Absent:
        return False
    except (HostError, ValueError, LookupError, ElementTree.ParseError):
        return True
    return any((each.text or "").strip() == "true" for each in root.iter(f"{NAMESPACE}WillWipeDisk"))


def _late(what: str, found: Defined, instead: str) -> Problem:
    return problem(
        "vm.would-wipe",
        f"the answers in the drive of {found.name} could wipe {what}",
        "Setup sees them before the machine's own disk: they are disk 0, and the answers have disk 0 wiped without a"
        " question",
        f"{instead}; where Windows is installed, take the answers away with: sudo vdesk stop {found.name} --installed",
    )


def _problem(what: str, why: str, instead: str) -> Problem:
    return problem("vm.would-wipe", f"--unattended could wipe {what}", why, instead)


def _controllers(host: Host, spec: Spec) -> Iterator[Problem]:
    for each in spec.functions:
        if _controller(host, each.address) == CONTROLLER:
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
        if _is_disk(plugged, ids):
            yield _problem(
                f"the USB disk {ids}",
                "Setup sees it before the machine's own disk, and the answers have disk 0 wiped without a question",
                "leave --usb out for the installation, or --unattended",
            )


def _is_disk(plugged: Sequence[UsbDevice], ids: str) -> bool:
    return any(each.ids == ids and STORAGE in each.classes for each in plugged)


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
