"""CreateDisk, RemoveDisk: image files of virtual machines. An existing file is never written to."""

from __future__ import annotations

from vdesk.changes.change import DONE, SKIPPED, Ahead, Change, Progress, Record
from vdesk.changes.commands import run_checked
from vdesk.host import Host
from vdesk.host.placing import held
from vdesk.host.storage import kind_at
from vdesk.model.errors import Absent, HostError, Refused, VdeskError, problem
from vdesk.model.number import is_number

MODE = 0o600
SECONDS = 1800.0
LARGEST_FILE = 1 << 44
"""Of ext4 with blocks of 4 KiB (Documentation/filesystems/ext4/overview.rst)."""
CLOCK_STEP = 1_000_000_000
"""Nanoseconds by which a file's date may be before the clock's: it is that of the kernel's last tick."""
QCOW2 = "preallocation=metadata,lazy_refcounts=on"


def shown(size: int) -> str:
    """The size in GiB, or MiB below one."""
    return f"{size / (1 << 30):.1f} GiB".replace(".0 ", " ") if size >= 1 << 30 else f"{size >> 20} MiB"


class CreateDisk(Change):
    """A new image file, 0600 root: libvirt gives it to QEMU's user while that runs. Raw: all blocks taken now.

    `owner` is the machine that it is for (name, libvirt's URI): while that is defined, undo leaves the disk alone."""

    kind = "disk"

    def __init__(self, path: str, size: int, format: str, owner: tuple[str, str] | None = None) -> None:
        self.path, self.size, self.format, self.owner = path, size, format, owner
        self.target, self.summary = "/" + path, f"make the disk /{path}: {shown(size)}, {format}"

    def check(self, host: Host) -> None:
        """No file is there, and there is room."""
        if host.exists(self.path) or host.link(self.path) is not None:
            raise disk_exists("/" + self.path)
        check_space(host, self.path, self.size, self.format)

    def record(self, host: Host) -> Record:
        """The file that will be made, and since when; what it is after that is added by done()."""
        import time

        return {"path": self.path, "since": time.time_ns() - CLOCK_STEP, "owner": self.owner}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Make it; a captured machine gets no disk."""
        if not host.is_live:
            return SKIPPED
        if not host.create(self.path, b"", MODE):
            raise disk_exists("/" + self.path)
        _written_in_place(host, self.path, progress)
        with held(host.tree, self.path) as place:  # the folder may be a user's
            return run_checked(host, self._argv(place), SECONDS, progress, self._argv(self.target))

    def _argv(self, place: str) -> list[str]:
        if self.format == "raw":
            return ["fallocate", "-l", str(self.size), place]
        return ["qemu-img", "create", "-q", "-f", self.format, "-o", QCOW2, place, str(self.size)]

    def verify(self, host: Host) -> None:
        """The file is there with what it was made for."""
        found = host.stat(self.path)
        if found.kind != "file" or (self.format == "raw" and found.size != self.size):
            raise HostError(self.target, f"it has {found.size} bytes", f"{self.target} is not as it was asked for")

    def done(self, host: Host) -> Record:
        """Size and time of the last write: undo sees by them whether somebody used the disk."""
        found = host.stat(self.path)
        return {"size": found.size, "mtime": found.mtime_ns}

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Nothing was written to it since; after a crash in the making: it is newer than the intent, and 0600."""
        if not host.exists(record["path"]):
            return
        not_needed(host, record)
        found = host.stat(record["path"], follow=False)
        ours = found.kind == "file" and found.mode == MODE and found.mtime_ns >= record["since"]
        if "mtime" in record:
            ours = (found.size, found.mtime_ns) == (record["size"], record["mtime"])
        if not ours:
            raise Refused(
                problem(
                    "undo.disk-used",
                    f"/{record['path']} was written to since vdesk made it, so it stays",
                    "a guest may have been installed on it",
                    f"remove it by hand when nobody needs it: sudo rm /{record['path']}",
                )
            )

    @classmethod
    def foresee(cls, host: Host, record: Record, ahead: Ahead) -> str:
        """Nothing to see; the machine that it is for goes before it."""
        cls.can_undo(host, without_owner(record, ahead))
        return ""

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Remove it."""
        try:
            host.remove(record["path"])
        except Absent:
            return


def _written_in_place(host: Host, path: str, progress: Progress) -> None:
    """On btrfs, no copy on write for the file, which has to be empty for that: each write of a guest's would be put
    elsewhere, and a large file ends up in millions of pieces (btrfs(5), NODATACOW). Without it the disk is slow."""
    if kind_at(host, path) != "btrfs":
        return
    argv = ["chattr", "+C", "/" + path]
    try:
        run_checked(host, argv, 30.0, progress)
    except VdeskError as error:
        progress(f"the disk will be slower on btrfs: {error.problems[0].cause}")


def not_needed(host: Host, record: Record) -> None:
    """Refused while the machine that the disk was made for is defined: undo goes on past a machine that still runs."""
    if not record.get("owner"):
        return
    from vdesk.host.libvirt_conn import connect

    name, uri = record["owner"]
    if connect(host, uri).find(name):
        raise Refused(
            problem(
                "undo.disk-needed",
                f"/{record['path']} stays: the virtual machine {name} is still defined",
                "it would find no disk at its next start, or lose the one it runs from",
                f"delete the machine first: vdesk delete {name}",
            )
        )


def without_owner(record: Record, ahead: Ahead) -> Record:
    """The record as it will be judged where the machine that the disk is for is taken back first."""
    owner = record.get("owner")
    return {**record, "owner": None} if owner and ("domain", owner[0]) in ahead else record


class RemoveDisk(Change):
    """Remove the image file of a deleted machine. This cannot be taken back, and the plan says so before. `real` is
    where the path led to when the plan was made."""

    kind = "disk-removal"

    def __init__(self, path: str, real: str | None = None) -> None:
        self.path, self.real = path, real
        self.target, self.summary = "/" + path, f"remove /{path} and all that is on it"

    def check(self, host: Host) -> None:
        """It is a regular file: never a device, a folder or what a link leads to; and where the plan saw it."""
        if self.real is not None and host.resolve(self.path) != self.real:
            raise HostError(self.target, "a folder on its way has become a link", f"{self.target} is not removed")
        if host.stat(self.path, follow=False).kind != "file":
            raise HostError(self.target, "it is not a regular file", f"{self.target} is not removed")

    def record(self, host: Host) -> Record:
        """Its name."""
        return {"path": self.path}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Remove it."""
        host.remove(self.path)
        return DONE

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Only where it was not removed yet."""
        if not host.exists(record["path"]):
            raise Refused(
                problem(
                    "undo.disk-removed",
                    f"/{record['path']} was removed and cannot be brought back",
                    "vdesk keeps no copy of a disk",
                    "take it from your backup",
                )
            )

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Nothing: it is there."""


class RemoveAnswers(RemoveDisk):
    """Remove the disc with the answers for Windows Setup. Taking that back leaves it away: it holds a password, and the
    machine is whole without it."""

    kind = "answers-removal"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.summary = f"remove /{path}, the answers for Windows Setup with a password in them"

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Nothing stands against leaving it away."""

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """That it stays away."""
        return "(it stays away: it holds a password)\n"


def disk_exists(path: str) -> Refused:
    """The refusal to write over a file."""
    return Refused(
        problem(
            "vm.disk-exists",
            f"{path} exists already",
            "vdesk never writes over a disk",
            f"use it as it is with --disk {path}, or choose another name",
        )
    )


def check_space(host: Host, path: str, size: int, format: str) -> None:
    """Refused when a preallocated disk does not fit; a captured machine's largest disk is the limit there."""
    folder = path.rpartition("/")[0]
    while folder and not host.exists(folder):
        folder = folder.rpartition("/")[0]
    free = host.free_bytes(folder) if host.is_live else _largest_disk(host)
    said = "are free" if host.is_live else "at most"
    if format == "raw" and free is not None and size > free:
        raise Refused(
            problem(
                "vm.space",
                f"/{folder} has no room for a disk of {shown(size)}: {shown(free)} {said}",
                "a raw disk takes all of its size at once",
                "choose a smaller --disk, or --disk-format qcow2, which grows as it is filled",
            )
        )


def _largest_disk(host: Host) -> int:
    """The size in bytes of the captured machine's largest disk (sys/block/*/size counts 512 bytes), else of a file."""
    sizes = [host.value(f"sys/block/{name}/size") for name in host.names("sys/block")]
    return max((int(each) * 512 for each in sizes if is_number(each) and each != "0"), default=LARGEST_FILE)
