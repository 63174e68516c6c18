"""Building images so that no bootable name is ever without a whole image, and so that the old ones can be put back.

update-initramfs makes IMAGE.new and renames it; a second name keeps the old image. dracut up to 106 and mkinitcpio
write into the image that is there: dracut is told to build beside it, and what mkinitcpio may write into is copied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from vdesk.changes.change import Progress
from vdesk.changes.commands import run_checked
from vdesk.host import Host
from vdesk.host.beside import copy, file_system, flush, second_name, succeed
from vdesk.host.lock import inherited
from vdesk.initramfs.builders import Builder
from vdesk.initramfs.image_paths import images
from vdesk.model.errors import HostError, Refused, problem

OLD, NEW = ".vdesk-old", ".vdesk-new"
UNFINISHED = ".new"
"""What update-initramfs writes first, and leaves behind when it is ended; it takes room for nothing."""
UNIFIED = ".efi"
"""Kernel and initramfs in one file: not every lsinitcpio and lsinitrd can look into it."""
BUILD_SECONDS = 3600.0  # every kernel's image, on a slow disk
LIST_SECONDS = 300.0
SPARE = 1.1
OLD_KERNELS = (
    ("apt-get", "sudo apt autoremove --purge"),
    ("dnf", "sudo dnf remove --oldinstallonly"),
    ("zypper", "sudo zypper purge-kernels"),
)


def one_by_one(host: Host, tool: Builder) -> dict[str, str]:
    """The images that are built beside the old ones, with the version of their kernels; none where the builder cannot
    be told each of them."""
    found = images(host) if tool.one else {}
    plain = all(kernel and host.stat(path, follow=False).kind == "file" for path, kernel in found.items())
    return found if plain else {}


def command_lines(host: Host, tool: Builder) -> list[str]:
    """What is run, as it is shown before."""
    each = one_by_one(host, tool)
    return [" ".join(_argv(tool, path, kernel)) for path, kernel in each.items()] or [" ".join(tool.argv)]


def room(host: Host, tool: Builder) -> None:
    """Refused when it is known that a second set of images has no room where the first is."""
    disks: dict[int, list[str]] = {}
    for path in images(host):
        disks.setdefault(file_system(host, _folder(path)), []).append(path)
    for paths in disks.values():
        sizes, free = [host.stat(path).size for path in paths], host.free_bytes(_folder(paths[0]))
        needed = sum(sizes)
        # What is written in place is copied before, and mkinitcpio writes beside the old image where it has room.
        more = max(sizes) if tool.in_place and not one_by_one(host, tool) else 0
        if free is not None and free < needed * SPARE + more:
            helps = next((line for name, line in OLD_KERNELS if host.which(name)), "")
            raise Refused(
                problem(
                    "initramfs.no-space",
                    f"/{_folder(paths[0])} has no room to build the initramfs of {len(paths)} kernels again",
                    f"{free >> 20} MiB are free, and the old images ({needed >> 20} MiB) stay until the new ones are "
                    "seen to be right",
                    f"remove kernels that are not needed any more{f' ({helps})' if helps else ''}, then try again",
                )
            )


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def stand_by(host: Host, tool: Builder, path: str) -> None:
    """Keep an image under another name, whatever the builder does to it."""
    discard(host, path + OLD)
    if tool.in_place or not second_name(host, path, path + OLD):
        copy(host, path, path + OLD)


def make_all(host: Host, tool: Builder, progress: Progress) -> bool:
    """Every image in its place, as the builder does it."""
    return run(host, tool.argv, progress)


def make_beside(host: Host, tool: Builder, path: str, kernel: str, progress: Progress) -> None:
    """One image beside the old one."""
    discard(host, path + NEW)
    argv = _argv(tool, path, kernel)
    run(host, argv, progress)
    if not host.exists(path + NEW) or not host.stat(path + NEW).size:
        raise HostError(f"/{path}{NEW}", f"{' '.join(argv)} reported success all the same", f"/{path}{NEW} is empty")


def swap(host: Host, paths: Iterable[str]) -> None:
    """The new images into the places of the old ones, which stay beside them where the file system has links."""
    for path in paths:
        discard(host, path + OLD)
        second_name(host, path, path + OLD)
        succeed(host, path + NEW, path)


def make_again(host: Host, tool: Builder, progress: Progress) -> None:
    """Every image again from the files as they are, without a way back: each is whole before it has its name."""
    each = one_by_one(host, tool)
    for path, kernel in each.items():
        try:
            make_beside(host, tool, path, kernel, progress)
            look(host, tool, [path + NEW], progress)
            succeed(host, path + NEW, path)
        finally:
            discard(host, path + NEW)
    if not each:
        make_all(host, tool, progress)


def run(host: Host, argv: Sequence[str], progress: Progress) -> bool:
    """Run a builder. It holds the lock too: where this process is killed, no other vdesk touches what it writes."""
    with inherited(host):
        return run_checked(host, argv, BUILD_SECONDS, progress)


def look(host: Host, tool: Builder, paths: Iterable[str], progress: Progress) -> Mapping[str, list[str]]:
    """What is in each image, by its path; a unified one that cannot be looked into is left out."""
    inside = {}
    for path in paths:
        progress(f"look into /{path}")
        argv = [*tool.list_argv, f"/{path}"]
        found = host.run(argv, timeout=LIST_SECONDS)
        if found.exit_code and path.removesuffix(NEW).endswith(UNIFIED):
            progress(f"/{path} could not be looked into: {found.stderr.strip()[-300:]}")
        elif found.exit_code:
            raise HostError(f"/{path}", found.stderr.strip()[-300:] or "it said nothing", f"{' '.join(argv)} failed")
        else:
            inside[path] = found.stdout.splitlines()
    return inside


def settle(host: Host, paths: Iterable[str]) -> None:
    """The new images are right: they are on the disk before the old ones go."""
    for path in paths:
        flush(host, path)
        discard(host, path + OLD)


def discard(host: Host, path: str) -> None:
    """Remove a file that may not be there."""
    if host.exists(path):
        host.remove(path)


def _argv(tool: Builder, path: str, kernel: str) -> list[str]:
    return [word.replace("{image}", f"/{path}{NEW}").replace("{kernel}", kernel) for word in tool.one]
