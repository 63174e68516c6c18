"""`iommu disable`: out of the boot configuration goes exactly what vdesk put in, known from its journal."""

from __future__ import annotations

import base64
from typing import Any

from vdesk.boot import grub, grub_dropin
from vdesk.boot.grub_decide import take_out
from vdesk.boot.grub_defaults import FOLDER, MAIN, Chain, read_chain, settings
from vdesk.boot.grub_edit import command_line
from vdesk.changes import journal as log
from vdesk.changes.files import digest
from vdesk.changes.journal import Entry, Step
from vdesk.changes.plan import Plan
from vdesk.host import Host
from vdesk.model.errors import Problem, Refused, problem

COMMAND = "iommu disable"
ENABLE = "iommu enable"
OURS = ("etc", "etc/default", FOLDER)
NEXT = "Reboot for it to count: sudo systemctl reboot"


def disable(host: Host, entries: list[Entry]) -> Plan:
    """The plan that takes out what the journal's `iommu enable` entries put in and nobody has taken back since.

    A file that is as vdesk left it gets its old bytes; in one that a person edited, only vdesk's words go. Refused
    where an entry that may be one of them cannot be read."""
    doubtful = [entry for entry in entries if _doubtful(entry)]
    if doubtful:
        raise Refused(*map(_unread, doubtful))
    plan = Plan(COMMAND, "Take vdesk's kernel arguments out")
    ours = [entry for entry in entries if entry.command == ENABLE and any(step.in_force for step in entry.steps)]
    files = [(entry, step) for entry in ours for step in entry.steps if step.kind == "file" and step.in_force]
    if not files:
        plan.notes.append("Nothing to take out: vdesk has put no argument into the boot configuration.")
        return plan
    before = after = read_chain(host)
    for entry, step in reversed(files):
        after = _back(after, entry, step)
    plan.settles = [(entry.id, step.seq) for entry in ours for step in entry.steps if step.in_force]
    if after == before:
        plan.notes.append("Nothing to take out: somebody has taken vdesk's arguments out already.")
        return plan
    expected = grub.Expected.of(command_line(settings(after)), None, after)
    made = sorted({folder for _, step in files for folder in _made_folders(step)}, reverse=True)
    plan.changes = grub.changes(host, before, after, expected, "take vdesk's kernel arguments out", made)
    plan.data = {"files": sorted({f"/{step.record['path']}" for _, step in files})}
    plan.notes.append(NEXT)
    return plan


def _doubtful(entry: Entry) -> bool:
    """Whether a damaged entry may have put words in that nobody would take out."""
    if not entry.damaged or entry.command not in (ENABLE, log.UNKNOWN):
        return False
    lost = not entry.steps or any(step.state == log.DAMAGED for step in entry.steps)
    return lost or any(step.in_force and _is_boot(step) for step in entry.steps)


def _is_boot(step: Step) -> bool:
    return step.kind == "file" and step.target.startswith((f"/{MAIN}", f"/{FOLDER}/"))


def _unread(entry: Entry) -> Problem:
    where = log.path_of(entry)
    return problem(
        "journal.damaged",
        f"entry {entry.id} of the journal is damaged: what vdesk put into the boot configuration is not known",
        f"lines of {where} are not what vdesk wrote",
        f"take back what can be read of it with: sudo vdesk undo {entry.id}"
        if entry.undoable
        else f"look for vdesk's words in /{MAIN}, take them out by hand and run: sudo update-grub; then move the entry"
        f" away: sudo mv {where} /root/",
    )


def _back(chain: Chain, entry: Entry, step: Step) -> Chain:
    """The chain without what this step wrote."""
    path, now = _path(step), None
    now = chain.data(path)
    if now is None:
        return chain
    if digest(now) == step.record.get("after"):
        return chain.having(path, _old(step))
    if path == MAIN:
        return _words_out(chain, entry)
    kept = _without_ours(now)
    return chain if kept is None else chain.having(path, kept or None)


def _path(step: Step) -> str:
    """The file of a step; only GRUB's own configuration is ever written from a journal here."""
    path = step.record.get("path")
    if isinstance(path, str) and (path == MAIN or (path.startswith(f"{FOLDER}/") and "/.." not in path)):
        return path
    raise _damaged(step)


def _old(step: Step) -> bytes | None:
    before = step.record.get("before")
    try:
        return None if before is None else base64.b64decode(before["data"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(step) from error


def _made_folders(step: Step) -> list[str]:
    """Those of GRUB's folder and its parents that were not there before, the deepest last."""
    folders = step.record.get("folders")
    return [each for each in OURS if each in folders] if isinstance(folders, list) else []


def _damaged(step: Step) -> Refused:
    return Refused(
        problem(
            "journal.damaged",
            f"the journal's record of {step.target} cannot be used",
            "it does not hold what vdesk writes there",
            f"take the argument out of {step.target} by hand, then run: sudo update-grub",
        )
    )


def _words_out(chain: Chain, entry: Entry) -> Chain:
    edits = _edits(entry.facts.get("edits"))
    found = take_out(chain, edits)
    if found is None:
        words = " ".join(now or "" for _, now in edits)
        raise Refused(
            problem(
                "grub.edited-since",
                f"/{MAIN} was edited since vdesk put {words} in, and the words cannot be taken out safely",
                "the line that holds them is not one that can be edited without running it",
                f"take {words} out of /{MAIN} by hand, then run: sudo update-grub",
            )
        )
    return found


def _edits(found: Any) -> list[tuple[str | None, str | None]]:
    """The (was, now) pairs of an entry's facts; what has another shape is left out."""
    pairs = [each for each in found if isinstance(each, list) and len(each) == 2] if isinstance(found, list) else []
    return [(was, now) for was, now in pairs if _is_word(was) and _is_word(now)]


def _is_word(found: Any) -> bool:
    return found is None or (isinstance(found, str) and bool(found.strip()))


def _without_ours(data: bytes) -> bytes | None:
    """A drop-in that a person edited, without vdesk's lines; None where none is left, empty where nothing else is."""
    text = data.decode("latin-1")
    lines = grub_dropin.without_block(text).splitlines(keepends=True)
    kept = "".join(line for line in lines if line != grub_dropin.HEAD and not grub_dropin.is_line(line))
    return None if kept == text else kept.encode("latin-1")
