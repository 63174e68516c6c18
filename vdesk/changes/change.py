"""Change: preview, journal and undo in one idea. A change can be taken back from its record alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from vdesk.host import Host
from vdesk.model.errors import Refused, problem
from vdesk.model.report import ChangeView

Progress = Callable[[str], None]
Record = dict[str, Any]
Ahead = dict[tuple[str, str], Record]
"""(kind, target) -> the record of what an undo takes back before it comes to a change."""
SKIPPED = False
DONE = True

# Where each kind lives, so that undo in another process loads only what its records need.
KINDS = {
    "file": "vdesk.changes.files:WriteFile",
    "sysfs": "vdesk.changes.attributes:SysfsWrite",
    "driver": "vdesk.changes.drivers:BindDriver",
    "driver-load": "vdesk.changes.native:LoadDriver",
    "modules": "vdesk.changes.modules:Modules",
    "console": "vdesk.changes.pictures:SwitchConsole",
    "framebuffer": "vdesk.changes.pictures:SwitchFramebuffer",
    "command": "vdesk.changes.commands:RunCommand",
    "generated-file": "vdesk.changes.commands:GenerateFile",
    "domain": "vdesk.changes.domain:DefineDomain",
    "firmware-words": "vdesk.changes.firmware_words:ForgetWords",
    "undefine": "vdesk.changes.domain:UndefineDomain",
    "device-attach": "vdesk.changes.domain_devices:AttachDevice",
    "device-detach": "vdesk.changes.domain_devices:DetachDevice",
    "network-autostart": "vdesk.changes.domain:AutostartNetwork",
    "disk": "vdesk.changes.disks:CreateDisk",
    "disk-removal": "vdesk.changes.disks:RemoveDisk",
    "answers-removal": "vdesk.changes.disks:RemoveAnswers",
    "volume": "vdesk.changes.volumes:CreateVolume",
    "boot-binding": "vdesk.initramfs.binding:BootBinding",
    "initramfs": "vdesk.initramfs.image:Initramfs",
    "graphics-mode": "vdesk.changes.graphics_mode:GraphicsMode",
    "packages": "vdesk.changes.packages:InstallPackages",
    "groups": "vdesk.changes.user_groups:JoinGroups",
    "libvirt-daemon": "vdesk.changes.libvirt_daemon:EnableDaemon",
    "refresh": "vdesk.initramfs.image:Refresh",
}


class Change:
    """One thing that vdesk changes on the machine.

    The order of calls is: view (any time), check, record (written to the journal), apply, verify; later, perhaps in
    another
    process, can_undo and revert with that record."""

    kind: ClassVar[str]
    refresh: ClassVar[bool] = False
    """Whether undo does this one after the others of its entry: it is generated from files that have to be back
    first."""
    one_thing: ClassVar[bool] = False
    """Whether all changes of this kind are of the same thing, whatever their targets say."""
    target: str
    summary: str

    def preview(self, host: Host) -> str:
        """A unified diff, or `old -> new`, or the command line; empty where the summary says all."""
        return ""

    def check(self, host: Host) -> None:
        """Raise VdeskError when the machine is not as the plan saw it."""

    def record(self, host: Host) -> Record:
        """The state before, as JSON: all that revert needs."""
        raise NotImplementedError

    def apply(self, host: Host, progress: Progress) -> bool:
        """Do it; False (SKIPPED) where a captured machine runs no commands."""
        raise NotImplementedError

    def verify(self, host: Host) -> None:
        """Raise VdeskError when the machine does not show what was asked."""

    def done(self, host: Host) -> Record:
        """What the journal keeps with `done`, merged into the record: the state after, where only now known."""
        return {}

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """What revert would change, as preview shows it."""
        return ""

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Raise Refused when somebody changed the thing since; their work is kept."""

    @classmethod
    def foresee(cls, host: Host, record: Record, ahead: Ahead) -> str:
        """What revert will change, as preview shows it, when what is ahead of it is back; raises what can_undo will
        raise then."""
        cls.can_undo(host, record)
        return cls.undo_preview(host, record)

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Put the state before back; does nothing where it is back already."""
        raise NotImplementedError

    def view(self, host: Host) -> ChangeView:
        """The change as it is shown before it is made."""
        return ChangeView(self.kind, self.target, self.summary, self.preview(host))


def kind_of(name: str) -> type[Change]:
    """The class of a kind found in a journal; Refused when this vdesk does not know it."""
    import importlib

    place = KINDS.get(name)
    if place is None:
        raise Refused(
            problem(
                "journal.kind",
                f"the journal holds a change of a kind that this vdesk does not know: {name}",
                "it was written by another version of vdesk",
                "use the version that made the change: vdesk history shows it",
            )
        )
    module, _, attribute = place.partition(":")
    found: type[Change] = getattr(importlib.import_module(module), attribute)
    return found


def changed_since(target: str, how: str) -> Refused:
    """The refusal of an undo that would throw away what somebody did since."""
    return Refused(
        problem(
            "undo.changed-since",
            f"{target} was changed since vdesk changed it, so it stays as it is",
            how,
            "take the change back by hand; what vdesk changed is shown by: vdesk -v history",
        )
    )
