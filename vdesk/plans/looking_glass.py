"""The shared memory of Looking Glass: the guest's pictures, which QEMU writes and the person's client reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vdesk.changes.change import Change
from vdesk.changes.commands import RunCommand
from vdesk.changes.files import WriteFile, content
from vdesk.host import Host
from vdesk.host.account import account
from vdesk.host.libvirt_conn import Libvirt
from vdesk.model.errors import HostError
from vdesk.vm.defined import read_defined

FOLDER = "etc/tmpfiles.d"
PATH = f"{FOLDER}/vdesk-looking-glass.conf"
MEMORY = "/dev/shm/looking-glass"  # noqa: S108  (the name that the client looks for)
TEXT = """# The shared memory of Looking Glass, made at every boot for its user and QEMU's group (tmpfiles.d(5)).
# Written by vdesk create --looking-glass; vdesk delete of the last such machine takes it away.
f {memory} 0660 {user} kvm -
"""


def changes(host: Host, say: Callable[[str], None]) -> list[Change]:
    """What makes the file now and at every boot; nothing where somebody has seen to that. Without it QEMU makes one for
    itself, which the client may not read."""
    if _somebody_else(host):
        return []
    try:
        user = account(host).name
    except HostError:
        user = ""
    if not user:
        say(f"Who will use Looking Glass could not be told: give {MEMORY} to that user before the client starts.")
        return []
    before = content(host, PATH)
    data = TEXT.format(memory=MEMORY, user=user).encode()
    if before == data:
        return []
    make = ["systemd-tmpfiles", "--create", f"/{PATH}"]
    return [
        WriteFile(PATH, before, data, f"{MEMORY} for {user} and QEMU, at every boot", 0o644),
        RunCommand(make, f"make {MEMORY} now", ["rm", "-f", MEMORY], 30.0),
    ]


def _somebody_else(host: Host) -> bool:
    """Whether a file of a person's own sees to it."""
    try:
        names = [name for name in host.list(FOLDER) if name.endswith(".conf")]
        return any(MEMORY in host.text(f"{FOLDER}/{name}") for name in names if f"{FOLDER}/{name}" != PATH)
    except HostError:
        return False


def ended(host: Host, libvirt: Libvirt, name: str) -> Sequence[Change]:
    """What takes the file away again with the last machine that needs it."""
    before = content(host, PATH)
    others = (read_defined(each.xml) for each in libvirt.domains() if each.name != name)
    if before is None or any(each.shared_memory for each in others):
        return ()
    return (WriteFile(PATH, before, None, f"no machine uses Looking Glass any more: remove /{PATH}"),)
