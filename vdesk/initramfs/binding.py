"""BootBinding: devices onto the list of those that are bound at boot, and off it; the other files follow the list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vdesk.at_boot.listed import LIST, Listed, digest, needs_display, parse, written
from vdesk.at_boot.trial import FAILED, STATE, Trial, read
from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.changes.drivers import VFIO, driver_of, identity
from vdesk.changes.files import content, unified
from vdesk.host import Host
from vdesk.initramfs.builders import builder, builders
from vdesk.initramfs.program import FOLDERS, PROGRAM, files
from vdesk.model.errors import HostError, Refused, VdeskError, problem

SLEEP = "1"
"""What d3cold_allowed is when a boot begins (drivers/pci/pci.c); the program has made it 0 for what it has bound."""


def listed(host: Host) -> list[Listed]:
    """The devices of the list, in its order."""
    return parse((content(host, LIST) or b"").decode(errors="replace"))


def trial(host: Host) -> Trial:
    """What the boots since the last change of the list have shown."""
    text = (content(host, LIST) or b"").decode(errors="replace")
    return read((content(host, STATE) or b"").decode(errors="replace"), digest(text))


def is_off(found: Trial) -> bool:
    """Whether binding at boot has failed, and waits for somebody to ask for it again."""
    return found["phase"] == FAILED


class BootBinding(Change):
    """The list with `add` and without `remove`; the program, the units and the initramfs' scripts are there while the
    list holds a device, and go with the last one. What earlier boots have shown is forgotten: the next one is a
    trial.

    Taking it back takes the same devices off the list again, whatever else is on it by then."""

    kind = "boot-binding"

    def __init__(
        self, before: bytes | None, add: Sequence[Listed], remove: Sequence[Listed], display: bool, summary: str
    ) -> None:
        self.before, self.add, self.remove, self.display = before, list(add), list(remove), display
        self.target, self.summary = f"/{LIST}", summary
        self.emptied: list[str] = []
        """Folders that earlier commands have made, to go with the last file in them."""

    def preview(self, host: Host) -> str:
        """The list's diff, and the names of the other files."""
        after = self._after(host)
        wanted = wanted_files(host, after, self.display)
        text = unified(LIST, self.before, wanted.get(LIST, (None, 0))[0])
        return text + "".join(_told(host, path, wanted) for path in every_path(host) if path != LIST)

    def _after(self, host: Host) -> list[Listed]:
        return edited(listed(host), self.add, self.remove)

    def check(self, host: Host) -> None:
        """The list is as the plan saw it."""
        if content(host, LIST) != self.before:
            raise Refused(
                problem(
                    "file.changed",
                    f"/{LIST} has changed since the plan was made",
                    "another program wrote it just now",
                    "run the same command again",
                )
            )

    def record(self, host: Host) -> Record:
        """The devices that come and go, and the folders that have to be made."""
        made: list[str] = []
        for path in wanted_files(host, self._after(host), self.display):
            folder = path.rpartition("/")[0]
            while folder and not host.exists(folder) and folder not in made:
                made.append(folder)
                folder = folder.rpartition("/")[0]
        return {
            "added": [list(each) for each in self.add],
            "removed": [list(each) for each in self.remove],
            "display": self.display,
            "display_was": display_of(host) if listed(host) else None,
            "folders": sorted({*made, *self.emptied}, reverse=True),
        }

    def apply(self, host: Host, progress: Progress) -> bool:
        """Write the files, or take them away."""
        derive(host, self._after(host), self.display, self.record(host)["folders"])
        return DONE

    def verify(self, host: Host) -> None:
        """Every file reads back as it was written."""
        for path, (data, _) in wanted_files(host, listed(host), self.display).items():
            if content(host, path) != data:
                raise HostError("/" + path, "it reads back otherwise", f"/{path} was not written as asked")

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The list's diff."""
        now = listed(host)
        after = edited(now, _rows(record["removed"]), _rows(record["added"]))
        before = content(host, LIST)
        return unified(LIST, before, written(after, _display_back(host, record)).encode() if after else None)

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The list without what was added and with what was removed. Devices that were bound at this boot go back."""
        added, now = _rows(record["added"]), listed(host)
        derive(host, edited(now, _rows(record["removed"]), added), _display_back(host, record), record["folders"])
        for each in added if host.is_live else ():
            _back_now(host, each, progress)


def edited(now: Iterable[Listed], add: Iterable[Listed], remove: Iterable[Listed]) -> list[Listed]:
    """The list after a change: an address has one row."""
    gone = {each.address for each in remove}
    rows = {each.address: each for each in now if each.address not in gone}
    return sorted((rows | {each.address: each for each in add}).values())


def every_path(host: Host) -> list[str]:
    """Every file that binding at boot may have left here, also for another builder than today's; the list last."""
    return [path for path, _, _ in (*files(), *(each for tool in builders(host) for each in tool.files))] + [LIST]


def wanted_files(host: Host, rows: Sequence[Listed], display: bool) -> dict[str, tuple[bytes, int]]:
    """path -> (bytes, mode) of what has to be there for the list; nothing for an empty one."""
    if not rows:
        return {}
    tool = builder(host)
    found = {path: (text.encode(), mode) for path, text, mode in (*files(), *(tool.files if tool else ()))}
    return {**found, LIST: (written(rows, display).encode(), 0o644)}


def derive(host: Host, rows: Sequence[Listed], display: bool, folders: Iterable[str]) -> None:
    """Make the files what the list asks for. The list comes last and goes first: without it nothing is held back."""
    wanted, now = wanted_files(host, rows, display), content(host, LIST)
    paths = every_path(host)
    for path in paths if wanted else reversed(paths):
        data, mode = wanted.get(path, (None, 0))
        found = content(host, path)
        host.sweep(path)
        if data is None:
            if found is not None:
                host.remove(path)
        elif found != data:
            host.make_folder(path.rpartition("/")[0])
            host.write(path, data, mode)
    if (not wanted or wanted[LIST][0] != now or is_off(trial(host))) and content(host, STATE) is not None:
        host.remove(STATE)
    own = (folder for tool in builders(host) for folder in tool.folders)
    for folder in () if wanted else (*FOLDERS, *own, *folders):
        host.remove_folder(folder)


def stale(host: Host, rows: Sequence[Listed], display: bool) -> bool:
    """Whether a file is missing or another one than this vdesk writes."""
    return any(content(host, path) != data for path, (data, _) in wanted_files(host, rows, display).items())


def outdated(host: Host, rows: Sequence[Listed]) -> list[str]:
    """The files beside the list that are missing, or another builder's or vdesk's than today's; none on a captured
    machine that was captured without them."""
    if not host.is_live and not host.exists(PROGRAM):
        return []
    wanted = wanted_files(host, rows, True)
    return [path for path, (data, _) in wanted.items() if path != LIST and content(host, path) != data]


def display_of(host: Host) -> bool:
    """Whether the list says that a boot has to show a picture."""
    return needs_display((content(host, LIST) or b"").decode(errors="replace"))


def _display_back(host: Host, record: Record) -> bool:
    """Whether boots have to show a picture after a change was taken back: as before it, if that is still as it left it;
    else as it is by now."""
    if not listed(host):
        return bool(record["display"])
    now, was = display_of(host), record.get("display_was")
    return bool(was) if was is not None and now == record["display"] else now


def _told(host: Host, path: str, wanted: dict[str, tuple[bytes, int]]) -> str:
    data, found = wanted.get(path, (None, 0))[0], content(host, path)
    if data == found:
        return ""
    if data is None:
        return f"remove /{path}\n"
    return f"{'write' if found is None else 'replace'} /{path}, {len(data.splitlines())} lines\n"


def _rows(found: Iterable[Sequence[str]]) -> list[Listed]:
    """The devices of a record, as a list could hold them."""
    return parse("".join(f"{' '.join(str(word) for word in row)}\n" for row in found))


def _back_now(host: Host, each: Listed, progress: Progress) -> None:
    """A function that the boot has bound to the driver that the kernel has for it, which may have to be loaded; a
    running VM keeps it until the next boot."""
    from vdesk.changes.native import give_back, tell_none
    from vdesk.host.holders import holding
    from vdesk.host.pci import read_device
    from vdesk.model.address import find_address

    place = find_address(each.address)
    device = read_device(host, place) if place else None
    if device is None or driver_of(host, each.address) != VFIO or identity(host, each.address) != each.identity:
        return
    if holding(host, [device]).holders:
        progress(f"{each.address} is in a running virtual machine; it comes back at the next boot")
        return
    try:
        give_back(host, each.address, SLEEP, progress)
        tell_none(host, each.address, progress)
    except VdeskError as error:
        progress(f"{each.address} comes back at the next boot: {error.problems[0].cause}")
