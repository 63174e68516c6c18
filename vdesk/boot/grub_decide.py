"""Where a kernel argument goes on a machine with GRUB: in place where that decides, else a drop-in, else nowhere."""

from __future__ import annotations

from typing import NamedTuple

from vdesk.boot import grub_dropin as dropin
from vdesk.boot.grub_cfg import cut_short
from vdesk.boot.grub_defaults import DEFAULT, FOLDER, LINUX, MAIN, Chain, decoded, settings
from vdesk.boot.grub_edit import CommandLine, command_line, edited
from vdesk.model.errors import Refused, problem
from vdesk.model.kernel_args import (
    INTEL,
    LONGEST,
    Edit,
    Wanted,
    Word,
    effect,
    kernel_part,
    merge,
    split,
    unmerge,
    within,
)

IN_FRONT = 256
"""Bytes of the line that 10_linux writes before these variables, at most: the kernel's path, root=, ro, rootflags=."""


class Outcome(NamedTuple):
    """The chain before and after; `edits` are the words taken and put, as (was, now); `path` is the file that changes,
    None where nothing has to. `dropped` are the words with parts that no kernel knows (`intel_iommu=pt`)."""

    before: Chain
    after: Chain
    line: CommandLine
    path: str | None = None
    edits: tuple[tuple[str | None, str | None], ...] = ()
    dropped: tuple[str, ...] = ()
    reason: str = ""
    """Why the file is the drop-in."""


def decide(chain: Chain, wanted: Wanted) -> Outcome:
    """What to change so that the ordinary entries get `wanted`; Refused where a person or a file forbids it, and where
    the kernel would not read as far."""
    found = _decide(chain, wanted)
    _refuse_long(found.line, wanted)
    return found


def _decide(chain: Chain, wanted: Wanted) -> Outcome:
    found = settings(chain)
    if found.ended:
        raise _nowhere("grub.cfg cannot be generated", found.ended, wanted)
    line = command_line(found)
    refuse_forbidden(line)
    _refuse_cut(line)
    if not line.default.known:
        if _met(line, wanted):
            return Outcome(chain, chain, line)
        return _by_dropin(chain, line, wanted, line.default.reason)
    edits = [edit._replace(at=edit.at + line.unsettled) for edit in merge(line.settled, wanted)]
    if not edits or (_met(line, wanted) and _by_us(chain)):
        return Outcome(chain, chain, line)
    in_place = edited(chain, edits)
    dropped = tuple(_raw(word) for word in kernel_part(line.words) if word.name == INTEL and "pt" in word.parts)
    if in_place is not None and _met(command_line(settings(in_place)), wanted):
        done = tuple((_text(edit.was), _text(edit.now)) for edit in edits)
        return Outcome(chain, in_place, command_line(settings(in_place)), MAIN, done, dropped)
    if _met(line, wanted):
        return Outcome(chain, chain, line)  # only a word that does no harm could not be taken out
    return _by_dropin(chain, line, wanted, _why_not(chain))


def _text(raw: str | None) -> str | None:
    return None if raw is None else decoded(raw)


def _raw(word: Word) -> str:
    return decoded(word.plain)


def _met(line: CommandLine, wanted: Wanted) -> bool:
    return wanted.met_by(effect(line.settled)) and not _dashes(line)


def _by_us(chain: Chain) -> bool:
    """Whether a drop-in of vdesk's is there: what could not be edited in place before is not tried again."""
    return any(dropin.words_of(each.data.decode("latin-1")) for each in chain.extra)


def _dashes(line: CommandLine) -> bool:
    """Whether `--` stands before the words of which the reading is sure."""
    return any(word.plain == "--" for word in line.words[: line.unsettled])


def refuse_forbidden(line: CommandLine) -> None:
    """Refused where a person turned the IOMMU off for every vendor."""
    for word in effect(line.words).forbids:
        raise Refused(
            problem(
                "iommu.turned-off",
                f"the configured kernel arguments hold {decoded(word)}, which turns the IOMMU off for good",
                "a person put it into the configuration of GRUB, and vdesk does not undo what it did not do",
                f"take {decoded(word)} out of /etc/default/grub (or the file in /etc/default/grub.d that has it), "
                "then run the same command again",
            )
        )


def _refuse_cut(line: CommandLine) -> None:
    raw = "".join(cell.char if cell else "?" for cell in line.cells)
    what = cut_short(raw)
    if what:
        raise Refused(
            problem(
                "grub.cut-short",
                f"{LINUX} and {DEFAULT} hold {what}, where GRUB ends the kernel's line",
                "the arguments after it never reach the kernel, and an added one would not either",
                "write the arguments in one line, quote what is special to GRUB, then run the same command again",
            )
        )


def _refuse_long(line: CommandLine, wanted: Wanted) -> None:
    if not _met(line, wanted) or wanted.met_by(effect(within(line.settled, IN_FRONT))):
        return
    raise Refused(
        problem(
            "grub.too-long",
            f"the line of the kernel's arguments is too long: {' '.join(wanted.words)} would be past what it reads",
            f"a kernel for x86 reads {LONGEST} bytes of it, and {LINUX} and {DEFAULT} make {len(line.cells)}, to which"
            " GRUB adds the kernel's path and root=",
            f"take arguments that are not needed out of {DEFAULT} in /{MAIN}, then run the same command again",
        )
    )


def _why_not(chain: Chain) -> str:
    if chain.main is None:
        return f"/{MAIN} is not there"
    found = settings(chain)
    deciding = [path for path, assign in found.assignments if assign.name == DEFAULT]
    if deciding and deciding[-1] != MAIN:
        return f"/{deciding[-1]} decides {DEFAULT}"
    return f"the line that decides in /{MAIN} cannot be edited safely"


def _by_dropin(chain: Chain, line: CommandLine, wanted: Wanted, reason: str) -> Outcome:
    if not chain.sourced:
        raise _nowhere(reason, f"grub-mkconfig here does not read /{FOLDER}", wanted)
    variable = _variable(line)
    if variable in settings(chain).locked:
        raise _nowhere(reason, f"a readonly keeps {variable} from being set again", wanted)
    # A value that cannot be told may hold `--` too.
    dashes = not line.default.known or any(word.plain == "--" for word in line.words)
    present = [each.path.rpartition("/")[2] for each in chain.extra]
    for name in dropin.names(present):
        path = f"{FOLDER}/{name}"
        data = _dropin_text(chain.data(path), line, wanted, variable, dashes)
        after = chain.having(path, data.encode("utf-8", "surrogateescape"))
        result = command_line(settings(after))
        if _met(result, wanted) and _kept(line, result):
            return Outcome(chain, after, result, path, ((None, data),), (), reason)
    raise _nowhere(reason, f"no file in /{FOLDER} can have the last word", wanted)


def _variable(line: CommandLine) -> str:
    """GRUB_CMDLINE_LINUX_DEFAULT, unless a `--` in the other one ends the kernel's part before it."""
    kernel = kernel_part(line.words)
    if len(kernel) < len(line.words) and line.words[len(kernel)].start < len(line.linux.cells):
        return LINUX
    return DEFAULT


def _dropin_text(there: bytes | None, line: CommandLine, wanted: Wanted, variable: str, dashes: bool) -> str:
    """The drop-in with all that is wanted; what vdesk wrote there before is merged, what a person wrote is kept."""
    now = there.decode("utf-8", "surrogateescape") if there else ""
    ours = dropin.words_of(now)
    if now and ours is None:
        return now + ("" if now.endswith("\n") else "\n") + dropin.line(variable, " ".join(_lacking(line, wanted)))
    words = split(ours[1]) if ours else []
    texts: list[str | None] = [word.text for word in words]
    added = []
    for edit in merge(words, wanted) if ours else [Edit(0, None, text) for text in _lacking(line, wanted)]:
        if edit.was is None:
            added.append(edit.now)
        else:
            texts[edit.at] = edit.now
    return dropin.text(variable, " ".join(text for text in [*texts, *added] if text), dashes=dashes)


def _lacking(line: CommandLine, wanted: Wanted) -> list[str]:
    found = effect(line.settled)
    intel = wanted.intel and not Wanted(True, wanted.igfx_off).met_by(found._replace(forbids=()))
    through = wanted.passthrough and found.passthrough is not True
    return Wanted(intel, wanted.igfx_off, through).words


def _kept(before: CommandLine, after: CommandLine) -> bool:
    """Whether every word that was there is still there, in its order."""
    rest = iter(word.plain for word in after.words)
    return all(word.plain in rest for word in before.words if word.name not in (INTEL, "iommu"))


def _nowhere(reason: str, cause: str, wanted: Wanted) -> Refused:
    return Refused(
        problem(
            "grub.nowhere",
            f"there is no safe place for {' '.join(wanted.words)} in the configuration of GRUB",
            f"{reason or 'it cannot be edited in place'}, and {cause}",
            f"add {' '.join(wanted.words)} to {DEFAULT} in /{MAIN} yourself, then run: sudo update-grub",
        )
    )


def take_out(chain: Chain, edits: list[tuple[str | None, str | None]]) -> Chain | None:
    """/etc/default/grub without vdesk's words, those it replaced put back; None where that is not safe."""
    for was, now in reversed(edits):
        line = command_line(settings(chain))
        back = unmerge(line.words, was, now)
        if back is None:
            continue
        found = edited(chain, [back])
        if found is None:
            return None
        chain = found
    return chain
