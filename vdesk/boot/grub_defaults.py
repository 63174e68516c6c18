"""What sh makes of /etc/default/grub and /etc/default/grub.d/*.cfg, as grub-mkconfig sources them; nothing is run.

A value is a list of cells: characters that know the bytes they come from, and None for what only running would tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from vdesk.boot import grub_dropin as dropin
from vdesk.boot.shell_script import Assign, Effect, Other, Step, Unset, effect_of, parse
from vdesk.boot.shell_types import Char, Param, Part, ShellError, Unknown
from vdesk.host import Host
from vdesk.model.errors import Absent, Denied, HostError, NeedsRoot, Refused, VdeskError, problem

MAIN, FOLDER, MKCONFIG = "etc/default/grub", "etc/default/grub.d", "usr/sbin/grub-mkconfig"
DEFAULT, LINUX = dropin.DEFAULT, dropin.LINUX
EXIT = "the command exit"
FILE_LIMIT = 256 << 10
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
VALUE_LIMIT = 64 << 10


class Cell(NamedTuple):
    """One character of a value: the file it stands in, its bytes there, and how it is quoted."""

    char: str
    file: str
    start: int
    end: int
    quote: str


class Value(NamedTuple):
    """A variable's value; `reason` says why parts of it (None) cannot be told."""

    cells: tuple[Cell | None, ...] = ()
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether all of it can be told."""
        return None not in self.cells

    @property
    def text(self) -> str | None:
        """The value as text (bytes that are no UTF-8 survive), None where it cannot be told."""
        return decoded(self.raw) if self.known else None

    @property
    def raw(self) -> str:
        """The characters, one per byte, with U+FFFF for what cannot be told."""
        return "".join(cell.char if cell else "\uffff" for cell in self.cells)


def decoded(raw: str) -> str:
    """Text of one character per byte as the text it stands for; what cannot be told shows as `$(...)`."""
    return raw.replace("\uffff", "$(...)").encode("latin-1").decode("utf-8", "surrogateescape")


class Source(NamedTuple):
    """One file of the chain."""

    path: str
    data: bytes

    @property
    def text(self) -> str:
        """The bytes, one character each."""
        return self.data.decode("latin-1")


class Chain(NamedTuple):
    """The files in the order in which grub-mkconfig sources them; `main` is None when /etc/default/grub is not there;
    `sourced` tells whether it sources the folder at all."""

    main: Source | None
    extra: tuple[Source, ...]
    sourced: bool

    @property
    def files(self) -> list[Source]:
        """All of them, in order."""
        return [*([self.main] if self.main else []), *(self.extra if self.sourced else ())]

    def data(self, path: str) -> bytes | None:
        """The bytes of a file, None when it is not there."""
        known = [*([self.main] if self.main else []), *self.extra]
        return next((each.data for each in known if each.path == path), None)

    def having(self, path: str, data: bytes | None) -> Chain:
        """The chain with other bytes in one file; None takes it away."""
        new = Source(path, data) if data is not None else None
        if path == MAIN:
            return self._replace(main=new)
        others = [each for each in self.extra if each.path != path] + ([new] if new else [])
        return self._replace(extra=tuple(sorted(others, key=lambda each: each.path.encode("utf-8", "surrogateescape"))))


@dataclass
class Settings:
    """What the chain comes to: variables, and every assignment that is always carried out."""

    values: dict[str, Value] = field(default_factory=dict)
    assignments: list[tuple[str, Assign]] = field(default_factory=list)
    unknown: str = ""
    """Why variables that are not in `values` cannot be told; empty: they are not set."""
    locked: frozenset[str] = frozenset()
    ended: str = ""
    """What ends grub-mkconfig itself: a file is sourced, so an `exit` in it ends the program."""

    def get(self, name: str) -> Value:
        """The value of a variable; GRUB's own are empty before the files are read, others come from the environment."""
        if name in self.values:
            return self.values[name]
        if self.unknown:
            return Value((None,), self.unknown)
        return Value() if name.startswith("GRUB_CMDLINE_") else Value((None,), f"${name} is not set in these files")


def read_chain(host: Host) -> Chain:
    """The files as they are now; Refused where one cannot be read, NeedsRoot where only this user cannot."""
    main = _source(host, MAIN)
    extra = []
    try:
        names = host.list(FOLDER)
    except HostError as error:
        raise _unreadable(host, FOLDER, error) from error
    for name in sorted(names, key=lambda each: each.encode("utf-8", "surrogateescape")):
        if name.endswith(".cfg") and not name.startswith("."):
            found = _source(host, f"{FOLDER}/{name}")
            extra += [found] if found else []
    return Chain(main, tuple(extra), _sources_folder(host))


def _source(host: Host, path: str) -> Source | None:
    try:
        data = host.read_bytes(path, FILE_LIMIT)
    except Absent:
        return None
    except HostError as error:
        raise _unreadable(host, path, error) from error
    if b"\0" in data:
        raise _not_text(path, "holds bytes that no text has (NUL)", "it is damaged, or no configuration of GRUB")
    if data.startswith(BYTE_ORDER_MARK):
        raise _not_text(path, "begins with a byte order mark", "sh takes it for the begin of a command, and fails")
    return Source(path, data)


def _not_text(path: str, what: str, cause: str) -> Refused:
    return Refused(problem("grub.not-text", f"/{path} {what}", cause, f"look at it with: file /{path}"))


def _unreadable(host: Host, path: str, error: HostError) -> VdeskError:
    if isinstance(error, Denied) and host.needs_root:
        return NeedsRoot(
            problem("root.needed", f"/{path} can be read by root only", error.cause, "run the same command with sudo")
        )
    return Refused(
        problem(
            "grub.unreadable",
            f"/{path} cannot be read, so what GRUB is told cannot be known",
            error.cause,
            f"see what it is with: sudo ls -ld /{path}",
        )
    )


def _sources_folder(host: Host) -> bool:
    """Whether grub-mkconfig sources grub.d/*.cfg: by its text; a capture without it is taken to have Debian's, which
    does."""
    try:
        return "grub.d/*.cfg" in host.read(MKCONFIG, 1 << 20)
    except HostError:
        return host.exists(FOLDER) or not host.is_live


def settings(chain: Chain) -> Settings:
    """What sh has after sourcing the chain; Refused where a file does not parse."""
    found = Settings()
    functions: set[str] = set()
    for source in chain.files:
        ours = dropin.guarded(source.text)
        if ours:
            _before_dashes(source.path, *ours, found)
            continue
        try:
            steps = parse(source.text)
        except (ShellError, RecursionError) as error:
            raise _broken(source, error) from error
        _carry_out(source, steps, found, functions)
    return found


def _before_dashes(path: str, variable: str, words: str, found: Settings) -> None:
    """What vdesk's own drop-in does that looks for ` -- `."""
    cells, reason = found.get(variable)
    ours = tuple(Cell(char, path, 0, 0, "") for char in words)
    space = (Cell(" ", path, 0, 0, ""),)
    padded = (*space, *cells, *space)
    at = "".join(cell.char if cell else "\uffff" for cell in padded).find(" -- ")
    after = (*padded[:at], *space, *ours, *padded[at:]) if at >= 0 else (*cells, *space, *ours)
    found.values[variable] = Value(after, reason)


def _broken(source: Source, error: Exception) -> Refused:
    cause = str(error) if isinstance(error, ShellError) else "nested too deeply"
    return Refused(
        problem(
            "grub.syntax",
            f"/{source.path} is no valid shell script, so update-grub fails with it",
            cause,
            f"see the mistake with: sh -n /{source.path}",
        )
    )


def _carry_out(source: Source, steps: list[Step], found: Settings, functions: set[str]) -> None:
    doubt = ""
    for index, step in enumerate(steps):
        if isinstance(step, Other):
            functions |= step.effect.defines
            found.locked |= step.effect.locks
            if step.reason == EXIT and not doubt:
                found.ended = found.ended or f"/{source.path} has an exit, which ends grub-mkconfig where it sources it"
            _blur(found, step.effect, functions, f"{step.reason} in /{source.path}")
            if step.effect.stops and not doubt:
                doubt = f"{step.reason} in /{source.path} may end it early"
                _blur(found, effect_of(steps[index + 1 :]), functions, doubt)
        elif doubt:
            continue
        elif isinstance(step, Unset):
            found.values[step.name] = Value()
        else:
            _blur(found, Effect(step.value.sets), functions, f"an expansion in /{source.path}")
            found.values[step.name] = _evaluated(step.value.parts, source, found)
            found.assignments.append((source.path, step))


def _blur(found: Settings, effect: Effect, functions: set[str], reason: str) -> None:
    """Forget what the effect may change."""
    if effect.anything or effect.calls & functions:
        found.values.clear()
        found.unknown = reason
    for name in effect.sets:
        found.values[name] = Value((None,), reason)


def _evaluated(parts: tuple[Part, ...], source: Source, found: Settings) -> Value:
    cells: list[Cell | None] = []
    reason = ""
    before = ""
    for part in parts:
        if isinstance(part, Char):
            home = part.char == "~" and not part.quote and before in ("", ":")
            cells.append(None if home else Cell(part.char, source.path, part.start, part.end, part.quote))
            reason = reason or ("~ stands for a folder" if home else "")
            before = "quoted" if part.quote else part.char
            continue
        before = "expanded"
        value = _expanded(part, source, found)
        cells += value.cells
        reason = reason or value.reason
        if len(cells) > VALUE_LIMIT:
            return Value((None,), f"a value of more than {VALUE_LIMIT} bytes in /{source.path}")
    return Value(tuple(cells), reason)


def _expanded(part: Param | Unknown, source: Source, found: Settings) -> Value:
    if isinstance(part, Unknown):
        return Value((None,), f"{part.reason} in /{source.path}")
    value = found.get(part.name)
    if not part.op:
        return value
    if not value.known:
        return Value((None,), value.reason)
    if not part.op.startswith(":") and not value.cells:
        return Value((None,), f"${{{part.name}{part.op}...}} in /{source.path} asks whether a variable is set")
    filled = bool(value.cells)
    if part.op.endswith("+"):
        return _evaluated(part.word, source, found) if filled else Value()
    return value if filled else _evaluated(part.word, source, found)
