"""--unattended: a finished autounattend.xml on a disc of its own, looked at before it is taken."""

from __future__ import annotations

from xml.etree import ElementTree

from vdesk.changes.change import Change
from vdesk.changes.disks import disk_exists
from vdesk.changes.files import WriteFile
from vdesk.host import Host, media
from vdesk.model.errors import WrongUsage, problem
from vdesk.vm.answer_disc import answer_disc as make_disc

LIMIT = 4 << 20
MODE = 0o600
"""It may hold a password."""
UNATTEND = "{urn:schemas-microsoft-com:unattend}unattend"


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
        raise disk_exists(path)
    return WriteDisc(path[1:], None, make_disc(data), f"make the disc {path} with the answers of {found.path}", MODE)


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
                "check it, or make one with Windows System Image Manager",
            )
        )
