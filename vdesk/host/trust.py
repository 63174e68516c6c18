"""What root may trust: code, programs and folders that nobody but root can write, nor anything above them.

Under sudo the person who typed the command counts as root does: what they may do as root, they may do anyway."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping

from vdesk.host.host import Host
from vdesk.model.errors import Refused, problem
from vdesk.model.number import is_number

SETTINGS = "etc/vdesk"
PRIVATE = ("var/lib/vdesk", "var/lib/vdesk/journal", SETTINGS)
"""Folders of vdesk's own: what lies in them is done as root, by the next command or at the next boot."""
LINKS = 40
"""As many links as the kernel follows for one path (path_resolution(7))."""


def refuse_unsafe(host: Host) -> None:
    """Refused where root would run code, or believe a record, that another user can write. Reads as good as nothing
    where this process is not root, or works on a captured machine."""
    if not _as_root(host):
        return
    refuse_foreign_code(host)
    for path, why in kept(host):
        raise Refused(
            problem(
                "root.foreign-state",
                f"vdesk does not believe what is in its own folder: {path} {why}",
                "it holds what vdesk does as root; nobody but root may write there, and nothing in it is a link",
                f"look at who made it so, with: ls -ld {path}; then: sudo chown root: {path}; sudo chmod go-w {path}",
            )
        )


def refuse_foreign_code(host: Host) -> None:
    """The same of the code alone: for what changes nothing, and yet reads or writes as root.

    A change of the owner would bless what was planted before it, so that is not the remedy."""
    if not _as_root(host):
        return
    for path, why in foreign(code(), owners(), groups()):
        raise Refused(
            problem(
                "root.foreign-code",
                f"vdesk does not do this as root: {path} {why}",
                "whoever can write what root runs is root with the next command",
                "install vdesk anew, for the whole machine (apt, or as root: pipx install --global vdesk): to change "
                f"the owner would keep what was put into this copy; see who can write there with: ls -ld {path}",
            )
        )


def _as_root(host: Host) -> bool:
    return host.tree.own and os.geteuid() == 0


def owners() -> frozenset[int]:
    """Root, and under sudo who typed the command."""
    person = os.environ.get("SUDO_UID", "")
    return frozenset({0, int(person)}) if is_number(person) else frozenset({0})


def groups() -> frozenset[int]:
    """Root's, and under sudo the group that who typed the command is alone in, as most systems make one for each user
    (USERGROUPS_ENAB of login.defs(5)). A number of a user says nothing of the group that has the same."""
    import grp
    import pwd

    uid, gid = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if not is_number(uid) or not is_number(gid):
        return frozenset({0})
    try:
        person, others = pwd.getpwuid(int(uid)), set(grp.getgrgid(int(gid)).gr_mem)
    except (KeyError, OverflowError):
        return frozenset({0})
    others |= {each.pw_name for each in pwd.getpwall() if each.pw_gid == int(gid)}
    return frozenset({0, int(gid)}) if others == {person.pw_name} else frozenset({0})


def code() -> Iterator[str]:
    """Every file that has been imported, and every folder that something can still be imported from."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder, inside, _ in os.walk(package):
        inside[:] = [name for name in inside if name != "__pycache__"]
        yield folder
    yield sys.executable
    yield from (os.path.abspath(each) for each in sys.path)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            yield file


def foreign(
    paths: Iterable[str], owners: frozenset[int] = frozenset({0}), groups: frozenset[int] = frozenset({0})
) -> Iterator[tuple[str, str]]:
    """(path, why) of what another than the owners and groups can write, of the paths and of all folders above them, and
    of the links on the way: who can put another link there chooses what is found."""
    seen: set[str] = set()
    places = {"/": "/", "": os.path.realpath("")}
    links: dict[str, os.stat_result] = {}
    facts: dict[str, os.stat_result | None] = {}
    for path in paths:
        here = _real(path, places, links, facts)
        for link in [each for each in links if each not in seen]:
            seen.add(link)
            found = links[link]
            if found.st_uid not in owners:
                yield link, f"belongs to user {found.st_uid}"
            yield from _above(os.path.dirname(link), seen, facts, owners, groups)
        yield from _above(here, seen, facts, owners, groups)


def _above(
    here: str,
    seen: set[str],
    facts: Mapping[str, os.stat_result | None],
    owners: frozenset[int],
    groups: frozenset[int],
) -> Iterator[tuple[str, str]]:
    while here not in seen:
        seen.add(here)
        found = facts[here] if here in facts else _lstat(here)
        why = _why(found, owners, groups) if found else ""
        if why:
            yield here, why
        here = os.path.dirname(here)


def _real(
    path: str,
    places: dict[str, str],
    links: dict[str, os.stat_result],
    facts: dict[str, os.stat_result | None],
    depth: int = 0,
) -> str:
    """Where a path leads; `links` gets each link on the way, `facts` the rest. A few folders hold all the files: no
    part of a path is looked at twice."""
    if depth > LINKS:
        return os.path.realpath(path)
    waiting = []
    while path not in places:
        waiting.append(path)
        above = os.path.dirname(path)
        if above == path:
            places[above] = os.path.realpath(above)
        path = above
    for here in reversed(waiting):
        above, name = os.path.split(here)
        place = f"{places[above].rstrip('/')}/{name}"
        found = _lstat(place)
        if name in ("", ".", ".."):
            place = os.path.realpath(place)
        elif found and stat.S_ISLNK(found.st_mode):
            links[place] = found
            place = _real(_target(place), places, links, facts, depth + 1)
        else:
            facts[place] = found
        places[here] = place
        path = here
    return places[path]


def _target(link: str) -> str:
    try:
        return os.path.join(os.path.dirname(link), os.readlink(link))
    except OSError:
        return link


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None  # not there: whoever can make it can write the folder above


def _why(found: os.stat_result, owners: frozenset[int], groups: frozenset[int]) -> str:
    if found.st_uid not in owners:
        return f"belongs to user {found.st_uid}"
    kept = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX  # only their owners can replace what is in it
    if found.st_mode & 0o002 and not kept:
        return "can be written by everybody"
    if found.st_mode & 0o020 and found.st_gid not in groups and not kept:
        return f"can be written by the group {found.st_gid}"
    return ""


def kept(host: Host) -> Iterator[tuple[str, str]]:
    """(path, why) of what is a link, or another's, or can be written by others, in the folders of vdesk's own."""
    for folder in PRIVATE:
        place = host.tree.real(folder)
        if not os.path.lexists(place):
            continue
        inside = [f"{place}/{name}" for name in host.names(folder)] if not os.path.islink(place) else []
        for path in (place, *inside):
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                yield path, f"is a link to {os.readlink(path)}"
            elif found.st_uid != os.geteuid() or found.st_mode & 0o022:
                yield path, "belongs to another user, or can be written by one"
