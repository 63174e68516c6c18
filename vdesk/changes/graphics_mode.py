"""GraphicsMode: which card the next boot uses, through nvidia-prime's own program."""

from __future__ import annotations

from vdesk.changes.change import DONE, SKIPPED, Change, Progress, Record, changed_since
from vdesk.changes.files import content, packed, unified, unpacked
from vdesk.host import Host
from vdesk.host.prime import CHOICE, PROGRAM, WRITTEN, mode
from vdesk.model.errors import VdeskError, problem

SECONDS = 1200.0  # newer versions build the initramfs again


class GraphicsMode(Change):
    """`prime-select MODE`. It ends with 0 also when it has done nothing, so the mode is asked for again.

    Undo asks it for the mode before, and then gives the files that it writes their bytes from before."""

    kind = "graphics-mode"
    one_thing = True

    def __init__(self, wanted: str, was: str | None) -> None:
        self.wanted, self.was = wanted, was
        self.target = f"{PROGRAM} {wanted}"
        self.summary = f"choose the mode {wanted} for the next boot (now: {was or 'none chosen'})"
        self.said = ""

    def preview(self, host: Host) -> str:
        """The command line."""
        return f"$ {PROGRAM} {self.wanted}\n"

    def check(self, host: Host) -> None:
        """The mode is still the one that the plan saw."""
        now = mode(host)
        if now != self.was:
            raise changed_since(PROGRAM, f"the mode is {now} now")

    def record(self, host: Host) -> Record:
        """The mode and the files before."""
        files = {path: content(host, path) for path in WRITTEN}
        return {
            "wanted": self.wanted,
            "was": self.was,
            "files": {path: None if data is None else packed(data) for path, data in files.items()},
        }

    def apply(self, host: Host, progress: Progress) -> bool:
        """Run it."""
        ended = host.run([PROGRAM, self.wanted], timeout=SECONDS, changes=True, on_line=progress)
        if ended.skipped:
            return SKIPPED
        self.said = (ended.stderr.strip() or ended.stdout.strip())[-400:]
        return DONE

    def verify(self, host: Host) -> None:
        """The program answers with the mode that was asked for."""
        now = mode(host)
        if now != self.wanted:
            raise VdeskError(
                problem(
                    "gpu.mode-not-set",
                    f"{PROGRAM} {self.wanted} has left the mode at {now or 'none'}",
                    f"it said: {' '.join(self.said.split()) or 'nothing'}; it reports success also when it fails",
                    f"run it by hand to see more: sudo {PROGRAM} {self.wanted}",
                )
            )

    @classmethod
    def undo_preview(cls, host: Host, record: Record) -> str:
        """The mode's file, now and before."""
        before = _files(record)[CHOICE]
        return unified(CHOICE, content(host, CHOICE), before)

    @classmethod
    def can_undo(cls, host: Host, record: Record) -> None:
        """Nobody has chosen a third mode since."""
        now = mode(host)
        if now not in (record["wanted"], record["was"]):
            raise changed_since(PROGRAM, f"the mode is {now} now")

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """The mode before by the program, for what it does besides; then the files' bytes."""
        if record["was"] and mode(host) != record["was"]:
            host.run([PROGRAM, record["was"]], timeout=SECONDS, changes=True, on_line=progress)
        for path, data in _files(record).items():
            now = content(host, path)
            if data is None and now is not None:
                host.remove(path)
            elif data is not None and now != data:
                host.write(path, data)


def _files(record: Record) -> dict[str, bytes | None]:
    """The files before; only those that the program writes."""
    found = record["files"]
    return {path: None if found.get(path) is None else unpacked(found[path]) for path in WRITTEN}
