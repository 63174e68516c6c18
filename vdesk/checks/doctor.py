"""`vdesk doctor NAME`: what went wrong with a machine, from its log, libvirt's and the kernel's, against the catalogue
of known failures. Reads only; what the catalogue does not know is quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree

from vdesk.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import NOT_READY, OK, Absent, HostError, WrongUsage, problem
from vdesk.model.finding import FAIL, INFO, UNKNOWN, WARN, Finding, finding
from vdesk.model.finding import OK as FINE
from vdesk.model.near import did_you_mean
from vdesk.model.report import Report
from vdesk.vm import doctor_sources as sources
from vdesk.vm.defined import Defined, read_defined
from vdesk.vm.doctor_known import Hit, recognise, settled
from vdesk.vm.doctor_sources import Source
from vdesk.vm.words import check_name

QUOTED = 8
ADDRESS = re.compile(r"\b[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]\b")
LOUD = re.compile(
    r"\b(?:error|fail\w*|cannot|can't|could not|unable|denied|invalid|not supported|assertion|abort(?:ed)?|"
    r"fatal|timed out|timeout|unsupported|missing|refused|inaccessible|stuck)\b",
    re.IGNORECASE,
)
QEMU_LINE = re.compile(r"^(?:\S*/)?(?:qemu-system-\w+|qemu|kvm|swtpm)(?:\[\d+\])?: ")
HARMLESS = re.compile(
    r"terminating on signal|shutting down, reason=|char device redirected|End of file while reading data|"
    r"^(?:LC_ALL|PATH|HOME|XDG_\w+)=|^-|^/usr/bin/qemu-system|warning: Spice: |SPICE: |"
    r"This family of AMD CPU doesn't support hyperthreading|EDID"
)
ABOUT_VFIO = re.compile(r"\bvfio|\bkvm\b", re.IGNORECASE)


def _defined_names(host: Host) -> list[str]:
    return [each.removesuffix(".xml") for each in host.names(sources.DEFINITIONS) if each.endswith(".xml")]


def doctor(host: Host, name: str, seen: Sequence[str] = ()) -> Report:
    """Findings for every failure recognised since the machine's last start; exit 3 where one of them keeps it from
    working, or its log could not be read. WrongUsage where there is no such machine. `seen`: texts that a person
    reports."""
    check_name(name)
    found = _definition(host, name)
    own = sources.machine_log(host, name)
    if found is False and own.missing:
        raise WrongUsage(
            problem(
                "usage.no-vm",
                f"there is no virtual machine {name}",
                f"neither /{sources.DEFINITIONS}/{name}.xml nor {own.name} is there",
                f"{did_you_mean(name, _defined_names(host))}see the names with: vdesk list",
            )
        )
    defined = found if isinstance(found, Defined) else None
    told = Source("what you say", tuple(printable(text) for text in seen if text.strip()))
    looked = [own, sources.libvirt_messages(host), sources.kernel_messages(host), told, sources.firmware(host, name)]
    hits = list(_hits(looked, defined))
    known = _known(name, defined, hits)
    findings = [*_recognised(settled(hits), known), *_unknown(looked, hits, name, defined), *_unread(looked)]
    if all(each.id == "doctor.log" and each.level == INFO for each in findings):
        findings.append(_nothing(own, looked))
    data = {"name": name, "started": own.since or None, "sources": [_as_json(each) for each in looked if each.name]}
    bad = own.lines is None or any(each.level == FAIL for each in findings)
    return Report("doctor", NOT_READY if bad else OK, data=data, findings=findings)


def _definition(host: Host, name: str) -> Defined | bool:
    """The definition as libvirt keeps it; False where there is none, True where it is there and cannot be read."""
    try:
        return read_defined(host.read(f"{sources.DEFINITIONS}/{name}.xml"))
    except Absent:
        return False
    except (HostError, ElementTree.ParseError, ValueError, RecursionError):
        return True


def _hits(looked: Iterable[Source], defined: Defined | None) -> Iterator[Hit]:
    devices = {str(address) for address in defined.functions} if defined else set()
    looked = list(looked)
    logs = {source.name for source in looked[:3]}  # in them the texts of a person, and of the firmware, mean nothing
    for source in looked:
        for line in source.lines or ():
            hit = recognise(line, source.name, told=source.name not in logs)
            if hit and not _others(hit, source, devices):
                yield hit


def _others(hit: Hit, source: Source, devices: set[str]) -> bool:
    """Whether the kernel speaks of a device that is not the machine's."""
    if source.name == "what you say" or "libvirt" in source.name or hit.failure.any_device:
        return False
    named = set(ADDRESS.findall(hit.line))
    return bool(devices and named) and not named & devices


def _known(name: str, defined: Defined | None, hits: Iterable[Hit]) -> dict[str, str]:
    """What fills the braces of the sentences where the line itself does not tell."""
    device = next((hit.words["device"] for hit in hits if "device" in hit.words), "")
    first = str(defined.functions[0]) if defined and defined.functions else ""
    gpu = defined.gpu if defined else ""
    return {"name": name, "device": device or gpu or first or "ADDR", "group": "N", "network": "default"}


def _recognised(hits: Iterable[Hit], known: dict[str, str]) -> Iterator[Finding]:
    for hit in hits:
        failure = hit.failure
        title, cause, remedy = (hit.filled(text, known) for text in (failure.title, failure.cause, failure.remedy))
        seen = f"{hit.source}: {hit.line[:400]}"
        yield finding(failure.id, failure.level, title.removesuffix(": why"), cause=cause, remedy=remedy, evidence=seen)


def _unknown(looked: Iterable[Source], hits: Iterable[Hit], name: str, defined: Defined | None) -> Iterator[Finding]:
    """The lines that sound like an error and that the catalogue does not have, word for word."""
    recognised = {hit.line for hit in hits}
    for number, source in enumerate(looked):
        lines = [
            line
            for line in dict.fromkeys(source.lines or ())
            if line not in recognised and not HARMLESS.search(line) and _sounds(line, number, name, defined)
        ]
        if lines:
            more = f" (the last of {len(lines)})" if len(lines) > QUOTED else ""
            yield finding(
                "doctor.unknown",
                WARN,
                f"{source.name} has errors that vdesk does not know{more}",
                cause="they may or may not be the reason; the catalogue has no entry for them",
                remedy="read them from the first one on; search for the words without addresses and numbers",
                evidence="; ".join(line[:400] for line in lines[-QUOTED:]),
            )


def _sounds(line: str, number: int, name: str, defined: Defined | None) -> bool:
    """QEMU's own lines, libvirt's errors, the kernel's errors on vfio or a device of the machine's, all that was
    told, nothing that only the firmware says."""
    if number == 4:
        return False
    if number == 0:
        return bool(QEMU_LINE.match(line) or LOUD.search(line))
    if number == 1 or number == 3:
        return number == 3 or bool(LOUD.search(line))
    devices = [str(address) for address in defined.functions] if defined else []
    about = any(device in line for device in devices) or (not ADDRESS.search(line) and bool(ABOUT_VFIO.search(line)))
    return about and bool(LOUD.search(line))


def _unread(looked: Iterable[Source]) -> Iterator[Finding]:
    for source in looked:
        if source.lines is None:
            yield finding(
                "doctor.log",
                UNKNOWN,
                f"{source.name} could not be read, so what it tells is not known",
                cause=source.reason or "no reason was given",
                remedy="run the same command with sudo; on a captured machine, capture it again as root",
                evidence=source.name,
            )
        elif source.missing:
            yield finding("doctor.log", INFO, f"{source.name}: {source.reason}", evidence=source.name)


def _nothing(own: Source, looked: Iterable[Source]) -> Finding:
    names = [source.name for source in looked if source.lines and source.name != "what you say"]
    since = f" since the start of {own.since}" if own.since else ""
    return finding(
        "doctor.nothing",
        FINE,
        f"no failure is written down{since}",
        evidence=", ".join(names) or own.name,
    )


def _as_json(source: Source) -> dict[str, object]:
    return {
        "name": source.name,
        "lines": None if source.lines is None else len(source.lines),
        "reason": source.reason or None,
    }
