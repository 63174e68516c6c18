"""host.memory: all memory of a virtual machine with a device is: it has to be there (proc(5), /proc/meminfo)."""

from __future__ import annotations

import re

from vdesk.checks.machine import Machine
from vdesk.model.errors import HostError
from vdesk.model.finding import FAIL, OK, UNKNOWN, WARN, Finding, finding

NAME, PATH = "host.memory", "proc/meminfo"
GIB = 1 << 20
"""In kB, the unit of the file."""
GUEST = 4 * GIB
ENOUGH, LEAST = 7.25 * GIB, 5.25 * GIB
"""Half of it is 4 GiB after what firmware and kernel keep; 4 GiB and a little for the host."""


def findings(machine: Machine) -> list[Finding]:
    """The one finding."""
    return [_finding(machine)]


def _finding(machine: Machine) -> Finding:
    try:
        text = machine.host.read(PATH, 1 << 20)
    except HostError as error:
        return _unknown(machine, error.problems[0].what)
    values = {name: int(number) for name, number in re.findall(r"^(\w+):\s+(\d{1,15})\b", text, re.MULTILINE)}
    total = values.get("MemTotal")
    if total is None:
        return _unknown(machine, f"/{PATH} has no line MemTotal")
    pages = values.get("HugePages_Total", 0) * values.get("Hugepagesize", 0)
    evidence = f"/{PATH}: MemTotal {_gib(total)}" + (f", huge pages {_gib(pages)}" if pages else "")
    left = total - pages
    if total < LEAST:
        cause = "Windows needs 4 GiB, and the host some for itself"
        title, remedy = f"{_gib(total)} of memory is too little", "put more memory in"
        return finding(NAME, FAIL, title, cause=cause, remedy=remedy, evidence=evidence)
    if total < ENOUGH:
        cause = "half of it is less than the 4 GiB that Windows needs"
        title, remedy = (
            f"{_gib(total)} of memory is little",
            "vdesk create --memory 4G and close programs, or put more memory in",
        )
        return finding(NAME, WARN, title, cause=cause, remedy=remedy, evidence=evidence)
    available = values.get("MemAvailable", left)
    if (pages and left < ENOUGH) or available + pages < GUEST:
        cause = f"huge pages keep {_gib(pages)} of it all day" if pages else "all memory of a virtual machine is pinned"
        remedy = (
            "sudo sysctl vm.nr_hugepages=0 while no virtual machine runs"
            if pages
            else "close programs before the start"
        )
        title = f"{_gib(total)} of memory, of which {_gib(available)} are free now"
        return finding(
            NAME, WARN, title, cause=cause, remedy=remedy, evidence=f"{evidence}, MemAvailable {_gib(available)}"
        )
    return finding(NAME, OK, f"{_gib(total)} of memory", evidence=evidence)


def _gib(number: int) -> str:
    return f"{number / GIB:.1f} GiB"


def _unknown(machine: Machine, cause: str) -> Finding:
    title = "it could not be told how much memory there is"
    return finding(NAME, UNKNOWN, title, cause=cause, remedy=machine.see_more, evidence=f"/{PATH}")
