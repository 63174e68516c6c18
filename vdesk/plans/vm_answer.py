"""--unattended: a finished autounattend.xml on a disc of its own, looked at before it is taken."""

from __future__ import annotations

from shlex import quote
from xml.etree import ElementTree

from vdesk.changes.change import Change
from vdesk.changes.files import WriteFile
from vdesk.host import Host, media
from vdesk.host.virtio_iso import FOLDERS
from vdesk.model.errors import Refused, WrongUsage, problem
from vdesk.vm.answer_disc import answer_disc as make_disc
from vdesk.vm.spec import TITLES

LIMIT = 4 << 20
MODE = 0o600
"""It may hold a password."""
NAMESPACE = "{urn:schemas-microsoft-com:unattend}"
UNATTEND = f"{NAMESPACE}unattend"


class WriteDisc(WriteFile):
    """The disc as a file; its content is not shown, it may hold a password."""

    def preview(self, host: Host) -> str:
        """Nothing but the size."""
        return f"(a disc of {len(self.data or b'')} bytes with autounattend.xml, readable by root only)\n"


def answer_disc(host: Host, given: str, path: str) -> Change:
    """The change that writes the disc; WrongUsage when Setup would not take the file."""
    found = media.find(host, given, "--unattended")
    data = media.text_of(found, "--unattended", LIMIT)
    _check(found.path, data)
    if host.exists(path[1:]):
        raise Refused(
            problem(
                "vm.disk-exists",
                f"{path} exists already",
                "it is the disc with the answers of an earlier machine of this name, and vdesk writes over no disc",
                f"remove it, where no machine has it: sudo rm {quote(path)}; or choose another name",
            )
        )
    return WriteDisc(path[1:], None, make_disc(data), f"make the disc {path} with the answers of {found.path}", MODE)


def _parsed(host: Host, given: str) -> tuple[str, ElementTree.Element]:
    """The file's path and its root; WrongUsage when Setup would not take it."""
    found = media.find(host, given, "--unattended")
    data = media.text_of(found, "--unattended", LIMIT)
    _check(found.path, data)
    return found.path, ElementTree.fromstring(data)


def wipes(host: Host, given: str) -> bool:
    """Whether Setup wipes a disk by the file without asking."""
    return "true" in _texts(_parsed(host, given)[1], "WillWipeDisk")


def warnings(host: Host, given: str, os: str, *, virtio: bool, wiped: str | None) -> list[str]:
    """What Setup will do with the file that a person should know before: sentences, none for a good one. `os` is the
    machine's, `virtio`: its disk needs the drivers; `wiped`: a disk that was there before."""
    path, root = _parsed(host, given)
    checks = (_keys, _disks, _drivers) if virtio else (_keys, _disks)
    said = [sentence for check in checks for sentence in check(root)]
    said += _another_windows(root, os)
    if wiped and "true" in _texts(root, "WillWipeDisk"):
        said.append(f"WARNING: Windows Setup wipes {wiped} without asking: the answer file says WillWipeDisk.")
    return [sentence.replace("FILE", path) for sentence in said]


def _texts(root: ElementTree.Element, name: str) -> list[str]:
    return [(each.text or "").strip() for each in root.iter(f"{NAMESPACE}{name}")]


def _keys(root: ElementTree.Element) -> list[str]:
    """A product key anywhere: UserData's, or the one that specialize leaves installed."""
    plain = [(each.text or "").strip() for each in root.iter(f"{NAMESPACE}ProductKey")]
    inner = [(each.text or "").strip() for each in root.iterfind(f".//{NAMESPACE}ProductKey/{NAMESPACE}Key")]
    if any(key.strip("0-") for key in (*plain, *inner)):
        return ["FILE holds a product key: Windows is installed with it, and it stays in the guest."]
    return []


def _disks(root: ElementTree.Element) -> list[str]:
    others = sorted({number for number in _texts(root, "DiskID") if number != "0"})
    if others:
        return [f"FILE installs to disk {', '.join(others)}, and the machine has one disk, number 0: Setup will stop."]
    return []


def _drivers(root: ElementTree.Element) -> list[str]:
    told = " ".join((each.text or "").lower() for each in root.iter(f"{NAMESPACE}Path"))
    if "vioscsi" not in told:
        return [
            "FILE names no vioscsi driver (DriverPaths or drvload), so Setup does not see the disk of the machine. "
            "Make one that does with: vdesk answer-file"
        ]
    return []


def _another_windows(root: ElementTree.Element, os: str) -> list[str]:
    """Answers that were written for the other Windows: Setup stops at the edition when the disk is wiped already."""
    if os not in FOLDERS:
        return []
    other = next(name for name in FOLDERS if name != os)
    told = " ".join((each.text or "").lower() for tag in ("Path", "CommandLine") for each in root.iter(NAMESPACE + tag))
    said = []
    if f"\\{FOLDERS[other]}\\" in told and f"\\{FOLDERS[os]}\\" not in told:
        said.append(f"FILE loads the drivers for {TITLES[other]}, and the machine is for {TITLES[os]}.")
    editions = [text for text in _texts(root, "Value") if text.startswith(TITLES[other])]
    if editions:
        said.append(
            f"WARNING: FILE installs {editions[0]}, and the machine is for {TITLES[os]}: where the disc has no such"
            f" edition Setup stops, after it wiped the disk. Make one that fits with: vdesk answer-file --os {os}"
        )
    return said


def _check(path: str, data: bytes) -> None:
    cause = ""
    try:
        root = ElementTree.fromstring(data)
        if root.tag != UNATTEND:
            cause = f"its root element is {root.tag}, not unattend of urn:schemas-microsoft-com:unattend"
    except (ElementTree.ParseError, ValueError) as error:
        cause = f"it is no well-formed XML: {error}"
    if cause:
        raise WrongUsage(
            problem(
                "usage.unattended",
                f"--unattended: {path} is no answer file for Windows Setup",
                cause + "; Setup ignores such a file without a word",
                "check it, or make one with: vdesk answer-file",
            )
        )
