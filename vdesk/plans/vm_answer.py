"""--unattended: a finished autounattend.xml on a disc of its own, looked at before it is taken."""

from __future__ import annotations

import re
from shlex import quote
from xml.etree import ElementTree

from vdesk.changes.change import Change
from vdesk.changes.files import WriteFile
from vdesk.host import Host, media
from vdesk.model.errors import Refused, WrongUsage, problem
from vdesk.vm.answer_check import NAMESPACE, Machine, sentences, texts
from vdesk.vm.answer_disc import answer_disc as make_disc

LIMIT = 4 << 20
MODE = 0o600
"""It may hold a password."""
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
    return "true" in texts(_parsed(host, given)[1], "WillWipeDisk")


def warnings(host: Host, given: str, machine: Machine) -> list[str]:
    """What Setup will do with the file that a person should know before: sentences, none for a good one."""
    path, root = _parsed(host, given)
    return sentences(root, path, machine)


def _check(path: str, data: bytes) -> None:
    cause = ""
    try:
        root = ElementTree.fromstring(data)
        if root.tag != UNATTEND:
            cause = f"its root element is {root.tag}, not unattend of urn:schemas-microsoft-com:unattend"
    except (ElementTree.ParseError, ValueError) as error:
        line = _dashes(data)
        cause = f"it is no well-formed XML: {error}"
        if line:
            cause = f"the comment that begins in line {line} holds `--`, which no comment in XML may"
    if cause:
        raise WrongUsage(
            problem(
                "usage.unattended",
                f"--unattended: {path} is no answer file for Windows Setup",
                cause + "; Setup ignores such a file without a word",
                "check it, or make one with: vdesk answer-file",
            )
        )


def _dashes(data: bytes) -> int:
    """The line of the first comment with `--` in it (XML 1.0, 2.5); 0 without one."""
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
    for found in re.finditer(r"<!--(.*?)-->", text, re.DOTALL):
        if "--" in found[1] or found[1].endswith("-"):
            return text.count("\n", 0, found.start()) + 1
    return 0
