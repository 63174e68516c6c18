"""CreateVolume: a new logical volume for a machine (lvcreate(8)). An existing one is never touched."""

from __future__ import annotations

from vdesk.changes.change import Ahead, Change, Progress, Record
from vdesk.changes.commands import run_checked
from vdesk.changes.disks import not_needed, shown, without_owner
from vdesk.host import Host
from vdesk.model.errors import HostError, Refused, problem

SECONDS = 300.0


class CreateVolume(Change):
    """`lvcreate` of `group`/`name` with `size` bytes; old signatures in its place are wiped, so that it is empty.

    Undo removes it while nothing was written to it: no signature of a partition table or a file system (blkid(8)) is on
    it, it is the volume that was made (by its id), and the machine it is for is not defined."""

    kind = "volume"

    def __init__(self, group: str, name: str, size: int, owner: tuple[str, str] | None = None) -> None:
        self.group, self.name, self.size, self.owner = group, name, size, owner
        self.target = f"/dev/{group}/{name}"
        self.summary = f"make the volume {group}/{name}: {shown(size)}"
        self.argv = ["lvcreate", "--yes", "--wipesignatures", "y", "--zero", "y", "--name", name]
        self.argv += ["--size", f"{size}b", group]

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {' '.join(self.argv)}\n"

    def check(self, host: Host) -> None:
        """No volume has the name."""
        if host.is_live and identity(host, self.group, self.name):
            raise volume_exists(self.group, self.name)

    def record(self, host: Host) -> Record:
        """The names; what it is after that is added by done()."""
        return {"group": self.group, "name": self.name, "owner": self.owner}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Make it; a captured machine gets none."""
        return run_checked(host, self.argv, SECONDS, progress)

    def verify(self, host: Host) -> None:
        """LVM knows it."""
        if not identity(host, self.group, self.name):
            raise HostError(self.target, "lvs does not list it", f"{self.target} was not made")

    def done(self, host: Host) -> Record:
        """Its id, which no other volume ever has."""
        return {"uuid": identity(host, self.group, self.name)}

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The command line."""
        return f"$ lvremove --yes {record['group']}/{record['name']}\n"

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """It is the one that was made, unused, and no machine needs it."""
        group, name = record["group"], record["name"]
        found = identity(host, group, name)
        if not found:
            return
        not_needed(host, {**record, "path": f"dev/{group}/{name}"})
        signs = host.run(["blkid", "-p", f"/dev/{group}/{name}"], timeout=30.0)
        why = "it is another volume of that name" if record.get("uuid", found) != found else ""
        if signs.exit_code != 2:  # 2: nothing was found on it
            why = "it was written to since vdesk made it: a guest may have been installed on it"
        if why:
            raise Refused(
                problem(
                    "undo.disk-used",
                    f"the volume {group}/{name} stays",
                    why,
                    f"remove it by hand when nobody needs it: sudo lvremove {group}/{name}",
                )
            )

    @classmethod
    def foresee(cls, host: Host, record: Record, ahead: Ahead) -> str:
        """The command line; the machine that it is for goes before it."""
        cls.can_undo(host, without_owner(record, ahead))
        return cls.undo_preview(host, record)

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Remove it."""
        if identity(host, record["group"], record["name"]):
            run_checked(host, ["lvremove", "--yes", f"{record['group']}/{record['name']}"], SECONDS, progress)


def identity(host: Host, group: str, name: str) -> str:
    """The volume's id, empty when there is no such volume."""
    asked = ["lvs", "--noheadings", "-o", "lv_uuid", f"{group}/{name}"]
    try:
        found = host.run(asked, timeout=60.0)
    except HostError:
        return ""
    return found.stdout.strip() if found.exit_code == 0 else ""


def free(host: Host, group: str) -> int | None:
    """Bytes that a volume group has left; None where that could not be told. Raises HostError for an unknown group."""
    try:
        found = host.run(["vgs", "--noheadings", "--nosuffix", "--units", "b", "-o", "vg_free", group], timeout=60.0)
    except HostError:
        return None
    if found.exit_code:
        raise HostError(group, found.stderr.strip() or "vgs does not list it", f"there is no volume group {group}")
    text = found.stdout.strip().partition(".")[0]
    return int(text) if text.isdecimal() else None


def volume_exists(group: str, name: str) -> Refused:
    """The refusal to make what is there."""
    return Refused(
        problem(
            "vm.disk-exists",
            f"the volume {group}/{name} exists already",
            "vdesk never writes over a disk",
            f"use it as it is with --disk /dev/{group}/{name}, or choose another name",
        )
    )
