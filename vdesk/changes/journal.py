"""The journal: every change, written down and fsynced before it is made, one file per command in
`/var/lib/vdesk/journal` (0700). A line is one JSON document; a line torn by a power cut counts as not written. Where
more is missing than a power cut takes, the entry is damaged, and is shown as that."""

from __future__ import annotations

import json
import time
from typing import Any

from vdesk.changes.drivers import boot_id
from vdesk.host import Host
from vdesk.model.errors import Absent
from vdesk.model.number import is_number

HOME = "var/lib/vdesk"
FOLDER = f"{HOME}/journal"
LOCK = f"{HOME}/lock"
INTENT, DONE, SKIPPED, UNDONE, FAILED, SETTLED = "intent", "done", "skipped", "undone", "failed", "settled"
# What a whole entry can be: see Entry.state.
OPEN, IN_FORCE, TAKEN_BACK, PARTLY, SPENT, DAMAGED = "open", "done", "undone", "partly", "settled", "damaged"
LOST, UNKNOWN = "a change whose record cannot be read any more", "unknown"
MOST_LOST = 1000
"""More changes than any command makes: a larger gap is no gap, but a number that makes no sense."""


class Step:
    """One change of an entry: its kind, its record, and the last that the journal says of it."""

    def __init__(
        self, seq: int, kind: str, target: str, summary: str, record: dict[str, Any], state: str = INTENT
    ) -> None:
        self.seq, self.kind, self.target, self.summary = seq, kind, target, summary
        self.record, self.state = record, state

    @property
    def in_force(self) -> bool:
        """Whether there is something to take back: also where only the intent was written."""
        return self.state in (INTENT, DONE, FAILED)


class Entry:
    """One command that changed something."""

    def __init__(
        self, id: int, time: str, command: str, boot: str, version: str = "", facts: dict[str, Any] | None = None
    ) -> None:
        self.id, self.time, self.command, self.boot, self.version = id, time, command, boot, version
        self.facts = {} if facts is None else facts
        self.steps: list[Step] = []
        self.closed, self.damaged = False, False
        self.settles: list[tuple[int, int]] = []

    @property
    def state(self) -> str:
        """`open` (interrupted, also on the way back), `done` (in force), `undone`, `partly` (something could not be put
        back), `settled`: it took an earlier entry back, so that nothing of it is left to undo, `skipped`: nothing of it
        is done on a captured machine, or `damaged`: not all that it did can be read."""
        if self.damaged:
            return DAMAGED
        if any(step.in_force for step in self.steps):
            failed = any(step.state == FAILED for step in self.steps)
            return OPEN if not self.closed else PARTLY if failed else IN_FORCE
        if self.steps and all(step.state == SKIPPED for step in self.steps):
            return SKIPPED
        return SPENT if any(step.state == SETTLED for step in self.steps) else TAKEN_BACK

    @property
    def undoable(self) -> list[Step]:
        """The steps to take back, in the order to do it: reverse, what is generated from others last."""
        from vdesk.changes.change import KINDS, kind_of

        steps = [step for step in reversed(self.steps) if step.in_force]
        return sorted(steps, key=lambda step: step.kind in KINDS and kind_of(step.kind).refresh)


class Journal:
    """Reads and writes the journal of one machine."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def prepare(self) -> None:
        """Make the folders; nobody but root may look into the journal, since it holds files as they were."""
        self.host.make_folder(HOME, 0o755)
        self.host.make_folder(FOLDER, 0o700)

    def entries(self) -> list[Entry]:
        """Every entry, oldest first; a file torn in its first line is left out, one of another content is damaged.
        Denied when this user may not look."""
        found = []
        for name in self.host.list(FOLDER):
            number = name.removesuffix(".jsonl")
            if is_number(number) and name.endswith(".jsonl"):
                entry = self._load(int(number), f"{FOLDER}/{name}")
                if entry:
                    found.append(entry)
        found.sort(key=lambda entry: entry.id)
        known = {entry.id: entry for entry in found}
        for entry in found:
            if entry.settles:
                _settle(known, entry)
        return found

    def interrupted(self) -> list[Entry]:
        """The open entries, oldest first; as `entries`, but a long history is not taken apart for them: where each file
        ends with the end of its command, there is none."""
        names = self.host.list(FOLDER)
        if all(_ended(self.host.read_bytes(f"{FOLDER}/{name}")) for name in names if name.endswith(".jsonl")):
            return []
        return [entry for entry in self.entries() if entry.state == OPEN]

    def begin(self, command: str, facts: dict[str, Any], version: str) -> Entry:
        """A new entry, on disk before it is returned."""
        self.prepare()
        names = [name.removesuffix(".jsonl") for name in self.host.list(FOLDER)]
        number = max((int(name) for name in names if is_number(name)), default=0) + 1
        now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
        entry = Entry(number, now, command, boot_id(self.host), version, facts)
        head = {
            "vdesk": 1,
            "id": number,
            "time": entry.time,
            "command": command,
            "boot": entry.boot,
            "version": version,
            "facts": facts,
        }
        if not self.host.create(_path(number), _line(head), 0o600):
            raise Absent(
                "/" + _path(number), "another entry has taken this number", "the journal could not be extended"
            )
        return entry

    def intend(self, entry: Entry, kind: str, target: str, summary: str, record: dict[str, Any]) -> Step:
        """Write down what is about to be done, with all that taking it back needs."""
        step = Step(len(entry.steps), kind, target, summary, record)
        self._append(
            entry.id,
            {"seq": step.seq, "state": INTENT, "kind": kind, "target": target, "summary": summary, "record": record},
        )
        entry.steps.append(step)
        return step

    def mark(self, entry: Entry, step: Step, state: str, more: dict[str, Any] | None = None) -> None:
        """Write down what became of a step.

        That it is done is fsynced with the line that follows, the next intent or the end: lost in a power cut before,
        it is as if the power had gone a moment earlier, with the intent on disk, and an intent is taken back too."""
        line = {"seq": step.seq, "state": state, **({"more": more} if more else {})}
        self._append(entry.id, line, durable=state != DONE)
        step.state = state
        step.record.update(more or {})

    def close(self, entry: Entry, settles: list[tuple[int, int]] | None = None) -> None:
        """Write down that the command came to its end, and which steps (entry id, seq) of earlier ones it took back.

        Both are one line: a power cut leaves all of it or none."""
        self._append(entry.id, {"closed": True, **({"settles": settles} if settles else {})})
        entry.closed, entry.settles = True, list(settles or [])

    def reopen(self, entry: Entry) -> None:
        """Write down that an entry is being taken back: stopped in the middle of that, it is an interrupted one."""
        self._append(entry.id, {"closed": False})
        entry.closed = False

    def _append(self, number: int, line: dict[str, Any], durable: bool = True) -> None:
        path = _path(number)
        torn = self.host.read_bytes(path)[-1:] not in (b"\n", b"")
        self.host.append(path, (b"\n" if torn else b"") + _line(line), durable=durable)

    def _load(self, number: int, path: str) -> Entry | None:
        data = self.host.read_bytes(path)
        lines = _lines(data)
        entry = _head(number, lines[0]) if lines else None
        if entry is None:
            if _never_begun(number, data):
                return None
            entry = Entry(number, UNKNOWN, UNKNOWN, "")
            entry.damaged = True
        for line in lines:
            _fold(entry, line)
        return entry


def path_of(entry: Entry) -> str:
    """Where an entry is written down."""
    return "/" + _path(entry.id)


def _path(number: int) -> str:
    return f"{FOLDER}/{number:06d}.jsonl"


def _line(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _ended(data: bytes) -> bool:
    """Whether the last line is a whole one that says that the command came to its end; as `_line` writes it."""
    last = data.removesuffix(b"\n").rpartition(b"\n")[2]
    return last == b'{"closed":true}' or (last.startswith(b'{"closed":true,"settles":[[') and last.endswith(b"]]}"))


def _never_begun(number: int, data: bytes) -> bool:
    """Whether this is the beginning of a first line, torn before its end: then nothing was done yet. Zeros after it are
    what a file system may leave of a write that a power cut ended."""
    torn, begin = data.rstrip(b"\0"), _line({"vdesk": 1, "id": number, "time": ""})[:-3]
    like = torn.startswith(begin) or begin.startswith(torn)
    return like and all(0x20 <= byte < 0x7F for byte in torn)  # as json.dumps writes it, and no end of a line


def _lines(data: bytes) -> list[dict[str, Any]]:
    """The lines that say something. Of a step, only a whole line says it."""
    found = []
    *whole, last = data.split(b"\n")
    for number, line in enumerate((*whole, last)):
        try:
            document = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            continue
        told = ("vdesk", "closed", "seq") if number < len(whole) else ("vdesk", "closed")
        if isinstance(document, dict) and any(each in document for each in told):
            found.append(document)
    return found


def _head(number: int, line: dict[str, Any]) -> Entry | None:
    if line.get("vdesk") != 1:
        return None
    facts = line.get("facts")
    return Entry(
        number,
        str(line.get("time", "")),
        str(line.get("command", "")),
        str(line.get("boot", "")),
        str(line.get("version", "")),
        facts if isinstance(facts, dict) else {},
    )


def _fold(entry: Entry, line: dict[str, Any]) -> None:
    if "closed" in line:
        entry.closed = bool(line["closed"])
        pairs = line.get("settles")
        entry.settles += [tuple(pair) for pair in pairs if _is_pair(pair)] if isinstance(pairs, list) else []
        return
    seq, state = line.get("seq"), line.get("state")
    if not isinstance(seq, int) or seq < 0 or state not in (INTENT, DONE, SKIPPED, UNDONE, FAILED):
        return
    whole = state == INTENT and isinstance(line.get("record"), dict)
    _fill(entry, seq if whole else seq + 1)
    if whole and seq == len(entry.steps):
        entry.steps.append(
            Step(seq, str(line.get("kind")), str(line.get("target")), str(line.get("summary")), line["record"])
        )
    elif state != INTENT and seq < len(entry.steps) and entry.steps[seq].state != DAMAGED:
        entry.steps[seq].state = state
        if isinstance(line.get("more"), dict):
            entry.steps[seq].record.update(line["more"])


def _fill(entry: Entry, length: int) -> None:
    """Where an intent is missing that a later line rests on, a step that says so: the others keep their numbers."""
    if length > len(entry.steps):
        entry.damaged = True
    while len(entry.steps) < length <= MOST_LOST:
        entry.steps.append(Step(len(entry.steps), UNKNOWN, UNKNOWN, LOST, {}, DAMAGED))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, int) for each in value)


def _settle(known: dict[int, Entry], by: Entry) -> None:
    """The steps that a later command took back are undone; of that command nothing is left to take back."""
    for number, seq in by.settles:
        if number in known and number < by.id and 0 <= seq < len(known[number].steps):
            known[number].steps[seq].state = UNDONE
    for step in by.steps:
        if step.state == DONE:
            step.state = SETTLED


__all__ = ["Entry", "Journal", "Step"]
