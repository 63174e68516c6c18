"""The person who will use the machine, and the groups that person is in (passwd(5), group(5))."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import NamedTuple

from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.host.tree import Stat
from vdesk.model.errors import HostError
from vdesk.model.number import is_number

PASSWD, GROUP = "etc/passwd", "etc/group"
PEOPLE = range(1000, 60000)
LIBVIRT = ("libvirt", "libvirtd")
"""The group of those who may use the system's virtual machines, as distributions call it."""


class Account(NamedTuple):
    """`name` empty: nobody is known. `groups` are the configured ones, `active` those of this session (configured ones
    come with the next login), None on a captured machine."""

    name: str
    uid: int
    groups: frozenset[str]
    active: frozenset[str] | None
    existing: frozenset[str]
    """The groups that the machine has."""


def account(host: Host) -> Account:
    """Who is to run virtual machines: the caller, the one behind sudo, or the first person of a captured machine.

    Raises HostError where /etc/passwd or /etc/group cannot be read."""
    people = _rows(host, PASSWD, 4)
    rows = _rows(host, GROUP, 4)
    wanted = _caller() if host.tree.own else None
    for fields in people:
        uid, gid = _number(fields[2]), _number(fields[3])
        if uid == wanted if wanted is not None else uid in PEOPLE:
            return _account(fields[0], uid, gid, rows, own=host.tree.own)
    return Account("", -1, frozenset(), None, frozenset(row[0] for row in rows))


def home(host: Host) -> str:
    """The home folder of the person whom `account` knows, relative to the root; empty where none is known."""
    try:
        person = account(host)
        rows = _rows(host, PASSWD, 7)
    except HostError:
        return ""
    found = next((row[5].strip("/") for row in rows if person.name and row[0] == person.name), "")
    return "" if ".." in found.split("/") else found


def members(host: Host) -> dict[str, frozenset[str]]:
    """Who is listed in each group; raises HostError where /etc/group cannot be read."""
    return {row[0]: frozenset(filter(None, row[3].split(","))) for row in _rows(host, GROUP, 4)}


def groups(host: Host) -> dict[str, int]:
    """Group name -> its id; raises HostError where /etc/group cannot be read."""
    return {row[0]: _number(row[2]) for row in _rows(host, GROUP, 4)}


def ids(host: Host, names: Iterable[str], group: str = "") -> tuple[int, frozenset[int]] | None:
    """The user id of the first of the names that there is, and its group ids, the named group's among them; None where
    there is none of them. Raises HostError where /etc/passwd or /etc/group cannot be read."""
    rows, people = _rows(host, GROUP, 4), {row[0]: row for row in _rows(host, PASSWD, 4)}
    found = next((people[name] for name in names if name in people), None)
    if found is None:
        return None
    groups = {_number(row[2]) for row in rows if found[0] in row[3].split(",") or row[0] == group}
    return _number(found[2]), frozenset({_number(found[3]), *groups})


def may_open(found: Stat, uid: int, gids: frozenset[int]) -> bool:
    """Whether the mode of a file lets a user read and write it. An access list counts as far as the mode shows it."""
    if uid == 0:
        return True
    bits = 0o600 if found.uid == uid else 0o060 if found.gid in gids else 0o006
    return found.mode & bits == bits


def opens(host: Host, path: str) -> bool | None:
    """Whether this process may read and write a file, access lists included; None of another machine's."""
    return os.access(f"/{path}", os.R_OK | os.W_OK) if host.tree.own else None


def _caller() -> int:
    """The user id behind sudo or pkexec, else this process's own."""
    for name in ("SUDO_UID", "PKEXEC_UID"):
        if os.geteuid() == 0 and is_number(os.environ.get(name, "")):
            return int(os.environ[name])
    return os.getuid()


def _account(name: str, uid: int, gid: int, rows: list[list[str]], *, own: bool) -> Account:
    groups = frozenset(row[0] for row in rows if name in row[3].split(",") or _number(row[2]) == gid)
    active = None
    if own and uid == os.getuid():
        held = {*os.getgroups(), os.getegid()}
        active = frozenset(row[0] for row in rows if _number(row[2]) in held)
    return Account(printable(name, 64), uid, groups, active, frozenset(row[0] for row in rows))


def _rows(host: Host, path: str, width: int) -> list[list[str]]:
    return [fields for line in host.read(path).splitlines() if len(fields := line.split(":")) >= width]


def _number(text: str) -> int:
    return int(text) if is_number(text) else -1
