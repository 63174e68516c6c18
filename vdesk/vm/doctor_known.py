"""The catalogue of known failures: a text of QEMU's, libvirt's, the kernel's or the guest's, why it comes, what helps.

docs/doctor.md lists it for people; tests/unit/doctor_texts.py holds a text for every entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from vdesk.model.finding import FAIL


class Failure(NamedTuple):
    """One known failure. `texts` are regular expressions, any of which tells it; their named groups fill the braces of
    title, cause and remedy. `level` is a finding's. `settled_by`: ids that say the same with the reason, so that this
    one is left out where one of them was found. `any_device`: told by the kernel of another device, it still counts."""

    id: str
    texts: tuple[str, ...]
    title: str
    cause: str
    remedy: str
    level: str = FAIL
    settled_by: tuple[str, ...] = ()
    any_device: bool = False


class Hit(NamedTuple):
    """A line in which a failure was recognised, and what its named groups held."""

    failure: Failure
    line: str
    source: str
    words: Mapping[str, str]

    def filled(self, text: str, known: Mapping[str, str]) -> str:
        """The text with its braces filled from the line, else from what is known of the machine."""
        return re.sub(r"\{(\w+)\}", lambda found: self.words.get(found[1]) or known.get(found[1], found[1]), text)


@cache
def catalogue() -> tuple[Failure, ...]:
    """Every known failure; where two match, the first is meant."""
    from vdesk.vm import doctor_files, doctor_guest, doctor_kernel, doctor_libvirt, doctor_qemu

    return (*doctor_qemu.KNOWN, *doctor_files.KNOWN, *doctor_kernel.KNOWN, *doctor_libvirt.KNOWN, *doctor_guest.KNOWN)


@cache
def _patterns(told: bool) -> tuple[tuple[Failure, re.Pattern[str]], ...]:
    from vdesk.vm.doctor_guest import KNOWN

    return tuple(
        (each, re.compile(text, re.IGNORECASE))
        for each in catalogue()
        for text in each.texts
        if told or each not in KNOWN
    )


def recognise(line: str, source: str, *, told: bool = False) -> Hit | None:
    """The failure that a line tells of, None where the catalogue has none. What only a person sees, and no log has, is
    recognised where it was `told` by one."""
    for failure, pattern in _patterns(told):
        found = pattern.search(line)
        if found:
            return Hit(failure, line, source, {key: word for key, word in found.groupdict().items() if word})
    return None


def settled(hits: Iterable[Hit]) -> list[Hit]:
    """The last hit of each failure, in the order of their first, without those whose reason is among the others."""
    last: dict[str, Hit] = {}
    for hit in hits:
        last[hit.failure.id] = hit
    return [hit for hit in last.values() if not any(reason in last for reason in hit.failure.settled_by)]
