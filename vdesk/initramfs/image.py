"""Initramfs: the images are built again; until the new ones are seen to be right, the old ones stay beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.changes.commands import RunCommand, run_checked
from vdesk.host import Host
from vdesk.initramfs.builders import IN_IMAGE, Builder, builder
from vdesk.initramfs.image_paths import image_paths, preset_paths
from vdesk.model.errors import HostError, Refused, VdeskError, problem

OLD = ".vdesk-old"
UNFINISHED = ".new"
"""What update-initramfs writes first, and leaves behind when it is ended; it takes room for nothing."""
UNIFIED = ".efi"
"""Kernel and initramfs in one file: not every lsinitcpio can look into it."""
BUILD_SECONDS = 3600.0  # every kernel's image, on a slow disk
LIST_SECONDS = 300.0


class Initramfs(Change):
    """Build every kernel's image again. `holding`: whether the new ones have to hold the list of devices, or must not.

    A failure, and the next vdesk after a power cut, put the old images back; undo builds them again from the files
    that are back by then."""

    kind = "initramfs"
    refresh = True

    def __init__(self, tool: Builder, holding: bool) -> None:
        self.tool, self.holding = tool, holding
        self.target = " ".join(tool.argv)
        self.summary = f"build the initramfs again ({tool.name}); this takes a while"

    def preview(self, host: Host) -> str:
        """The command line; where no image is found, that none will be looked into."""
        seen = "" if image_paths(host) else "no image was found here that could be looked into afterwards\n"
        return f"$ {' '.join(self.tool.argv)}\n{seen}"

    def check(self, host: Host) -> None:
        """There is room for a second set of images; Refused when it is known that there is not."""
        paths = [path for path in image_paths(host) if _in_boot(path)]
        needed, free = sum(host.stat(path).size for path in paths), host.free_bytes("boot")
        if free is not None and free < needed * 1.1:
            raise Refused(
                problem(
                    "initramfs.no-space",
                    f"/boot has no room to build the initramfs of {len(paths)} kernels again",
                    f"{free >> 20} MiB are free, and the old images ({needed >> 20} MiB) stay until the new ones are "
                    "seen to be right",
                    "remove kernels that are not needed any more (sudo apt autoremove --purge), then try again",
                )
            )

    def record(self, host: Host) -> Record:
        """The images as they are, and how they are built."""
        return {"argv": list(self.tool.argv), "images": {path: _stamp(host, path) for path in image_paths(host)}}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Keep, build, look into the new ones, let the old ones go."""
        if not host.is_live:
            return run_checked(host, self.tool.argv, BUILD_SECONDS, progress)
        paths = image_paths(host)
        for path in paths:
            _forget(host, path)
            host.keep(path, path + OLD)
        run_checked(host, self.tool.argv, BUILD_SECONDS, progress)
        self._look(host, paths, progress)
        for path in paths:
            _forget(host, path)
        return DONE

    def _look(self, host: Host, paths: Sequence[str], progress: Progress) -> None:
        for path in paths:
            progress(f"look into /{path}")
            argv = [*self.tool.list_argv, f"/{path}"]
            found = host.run(argv, timeout=LIST_SECONDS)
            if found.exit_code and path.endswith(UNIFIED):
                progress(f"/{path} could not be looked into: {found.stderr.strip()[-300:]}")
                continue
            if found.exit_code:
                raise HostError(
                    f"/{path}", found.stderr.strip()[-300:] or "it said nothing", f"{' '.join(argv)} failed"
                )
            if self.holding != any(line.endswith(IN_IMAGE) for line in found.stdout.splitlines()):
                what = f"the new /{path} {'does not hold' if self.holding else 'still holds'} /{IN_IMAGE}"
                why = f"{' '.join(self.tool.argv)} reported success all the same"
                look = f"look into it with: {' '.join(argv)}"
                raise VdeskError(problem("initramfs.content", what, why, look))

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The command line."""
        return "" if _untouched(host, record) else f"$ {' '.join(record['argv'])}\n"

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The old images where they are still there; else new ones, from the files as they are by now. Where no image
        was known, those that there are may hold the list all the same."""
        images = record["images"]
        kept = [path for path in images if _is_image(host, path) and host.exists(path + OLD)]
        for path in kept:
            host.rename(path + OLD, path)
            if host.exists(path + UNFINISHED):
                host.remove(path + UNFINISHED)
        if not images or (len(kept) < len(images) and not _untouched(host, record)):
            run_checked(host, record["argv"], BUILD_SECONDS, progress)


class Refresh(RunCommand):
    """A command that makes a service look again at files; taken back by itself, after the files are back."""

    kind = "refresh"
    refresh = True

    def __init__(self, argv: Sequence[str], summary: str) -> None:
        super().__init__(argv, summary, argv, timeout=120.0)


def rebuild(host: Host, holding: bool) -> list[Change]:
    """The change that builds the images again; none where no builder is known."""
    tool = builder(host)
    return [Initramfs(tool, holding)] if tool else []


def _stamp(host: Host, path: str) -> list[Any]:
    found = host.stat(path)
    return [found.size, found.mtime_ns]


def _untouched(host: Host, record: Record) -> bool:
    """Whether every image is the one that was there before; where none was known, that is not known."""
    images = record["images"].items()
    return bool(images) and all(host.exists(path) and _stamp(host, path) == stamp for path, stamp in images)


def _is_image(host: Host, path: str) -> bool:
    """Whether a path of a record is one that this module writes."""
    return _in_boot(path) or path in preset_paths(host)


def _in_boot(path: str) -> bool:
    return path.startswith("boot/") and "/" not in path.removeprefix("boot/")


def _forget(host: Host, path: str) -> None:
    if host.exists(path + OLD):
        host.remove(path + OLD)
