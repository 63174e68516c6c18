"""Initramfs: the images are built again; until the new ones are seen to be right, the old ones stay beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.changes.commands import RunCommand
from vdesk.host import Host
from vdesk.host.beside import digest
from vdesk.initramfs import building
from vdesk.initramfs.builders import IN_IMAGE, Builder, builder
from vdesk.initramfs.building import NEW, OLD, UNFINISHED
from vdesk.initramfs.image_paths import image_paths, is_place
from vdesk.initramfs.others import refuse_others
from vdesk.model.errors import VdeskError, problem


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
        """The command lines; where no image is found, that none will be looked into."""
        seen = "" if image_paths(host) else "no image was found here that could be looked into afterwards\n"
        return f"{_lines(building.command_lines(host, self.tool))}{seen}"

    def check(self, host: Host) -> None:
        """Nobody else builds images, and there is room for a second set; Refused when it is known to be otherwise."""
        refuse_others(host)
        building.room(host, self.tool)

    def record(self, host: Host) -> Record:
        """The images as they are, with what tells them from any other, and how they are built."""
        stamps = {path: [*_stamp(host, path), *([digest(host, path)] * host.is_live)] for path in image_paths(host)}
        return {"argv": list(self.tool.argv), "images": stamps}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Keep, build, look into the new ones, let the old ones go; or build beside, look, swap."""
        if not host.is_live:
            return building.make_all(host, self.tool, progress)
        each = building.one_by_one(host, self.tool)
        if each:
            for path, kernel in each.items():
                building.make_beside(host, self.tool, path, kernel, progress)
            self._look(host, [path + NEW for path in each], progress)
            building.swap(host, each)
            building.settle(host, each)
            return DONE
        paths = image_paths(host)
        for path in paths:
            building.stand_by(host, self.tool, path)
        building.make_all(host, self.tool, progress)
        self._look(host, paths, progress)
        building.settle(host, paths)
        return DONE

    def _look(self, host: Host, paths: Iterable[str], progress: Progress) -> None:
        for path, inside in building.look(host, self.tool, paths, progress).items():
            if self.holding != any(line.endswith(IN_IMAGE) for line in inside):
                what = f"the new /{path} {'does not hold' if self.holding else 'still holds'} /{IN_IMAGE}"
                why = f"{' '.join(self.tool.argv)} reported success all the same"
                argv = [*self.tool.list_argv, f"/{path}"]
                look = f"look into it with: {' '.join(argv)}"
                raise VdeskError(problem("initramfs.content", what, why, look))

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The command lines."""
        tool = builder(host)
        lines = building.command_lines(host, tool) if tool else [" ".join(record["argv"])]
        return "" if _untouched(host, record) else _lines(lines)

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Refused while somebody else builds images."""
        refuse_others(host)

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The old images where they are there, whole; else new ones, from the files as they are by now, by the builder
        that there is by now. Where no image was known, those that there are may hold the list all the same."""
        known = {path: stamp for path, stamp in record["images"].items() if is_place(host, path)}
        back = [path for path, stamp in known.items() if _put_back(host, path, stamp)]
        if len(back) < len(record["images"]) or not back:
            tool = builder(host)
            if tool is None:
                building.run(host, record["argv"], progress)
            else:
                building.make_again(host, tool, progress)
        for path in known:
            building.discard(host, path + OLD)


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


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"$ {line}\n" for line in lines)


def _put_back(host: Host, path: str, stamp: Sequence[Any]) -> bool:
    """Whether an image is the old one, by now. What was kept is not always that: until 0.1.0 it was a second name of
    what dracut then wrote into."""
    for leftover in (NEW, UNFINISHED):
        building.discard(host, path + leftover)
    if _is_old(host, path, stamp):
        return True
    if not _is_old(host, path + OLD, stamp):
        return False
    host.rename(path + OLD, path)
    return True


def _is_old(host: Host, path: str, stamp: Sequence[Any]) -> bool:
    """Whether a file has the bytes that an image had; older records tell just its size and time."""
    if not host.exists(path) or host.stat(path).size != stamp[0]:
        return False
    return bool(digest(host, path) == stamp[2] if len(stamp) > 2 else host.stat(path).mtime_ns == stamp[1])


def _stamp(host: Host, path: str) -> list[Any]:
    found = host.stat(path)
    return [found.size, found.mtime_ns]


def _untouched(host: Host, record: Record) -> bool:
    """Whether every image is the one that was there before; where none was known, that is not known."""
    images = record["images"].items()
    return bool(images) and all(host.exists(path) and _stamp(host, path) == stamp[:2] for path, stamp in images)
