"""Which addresses of libvirt are opened: an address can name a program to run (libvirt.org/uri.html: transport `ext`,
parameter `command`), and a journal can name an address."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

from vdesk.host.host import Host
from vdesk.model.errors import Refused, WrongUsage, problem

HARMLESS = ("test:///default",)
"""Of libvirt's test driver: nothing but memory of this process."""
GIVEN = "libvirt addresses given"
SHAPE = re.compile(
    r"(?P<driver>qemu|test)(\+(?P<transport>unix|ssh|libssh2?|tls|tcp))?://((?P<user>[^/@?#]*)@)?"
    r"(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+(%25[A-Za-z0-9._-]+)?\])?(:[0-9]{1,5})?"
    r"(?P<path>/[A-Za-z0-9/._~%+-]*)?(\?(?P<more>[^#\s]*))?"
)
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]*\$?")
ALIAS = re.compile(r"[A-Za-z0-9_-]+")
"""Of libvirt.conf, which as root is /etc's (virConnectOpenResolveURIAlias)."""
PARAMETERS = frozenset(
    {"socket", "mode", "keyfile", "sshauth", "known_hosts", "known_hosts_verify", "no_verify", "no_tty", "netcat"}
    | {"proxy", "pkipath", "tls_priority", "no_sanity", "auto_probe"}
)
"""Those of the remote driver that start nothing on this machine; not `command`, `authfile`, `name`, nor what comes."""


def why_unsafe(uri: str) -> str:
    """Why root does not open an address, empty where it may: what is not known to start no program is refused."""
    found = SHAPE.fullmatch(uri)
    if found is None:
        return "it is none of qemu:///system, qemu+ssh://user@host/system and the like"
    if found["user"] is not None and not USER.fullmatch(unquote(found["user"])):
        return f"{found['user']!r} is no name of a user"
    if "%" in (found["path"] or "") and not unquote(found["path"]).isprintable():
        return "its path has characters that nobody can see"
    for each in re.split("[&;]", found["more"] or ""):  # virURIParseParams
        name = unquote(each.partition("=")[0]).lower()
        if name and name not in PARAMETERS:
            return f"vdesk does not know that its parameter {name!r} starts no program"
    return ""


def allow(host: Host, uri: str) -> None:
    """What who runs vdesk said: it may be opened on a captured machine too. WrongUsage for what is no address, and for
    one by which root would run a program of the address's choice: a user's own is the user's, sudo's is root's."""
    try:
        urlsplit(uri)
        why = "" if uri.isprintable() else "it has characters that nobody can see"
    except ValueError as error:
        why = str(error)
    if not why and os.geteuid() == 0 and not ALIAS.fullmatch(uri):
        why = why_unsafe(uri)
    if why:
        raise WrongUsage(
            problem(
                "usage.connect",
                f"this address of libvirt is not opened: {uri!r}",
                why,
                "write it as libvirt.org/uri.html says, for example qemu+ssh://user@host/system; how ssh gets there is "
                "said in ~/.ssh/config",
            )
        )
    host.memory.setdefault(GIVEN, set()).add(uri)


def refuse(host: Host, uri: object) -> None:
    """Refused for the address of a record that is not opened. A captured machine's journal is anybody's: of it only
    what --connect has named, and what does nothing."""
    if not isinstance(uri, str):
        raise ValueError(f"no address of libvirt: {uri!r}")
    if uri in host.memory.get(GIVEN, ()) or uri in HARMLESS:
        return
    why = why_unsafe(uri) if host.is_live else "a captured machine's journal names it, and it may do anything"
    if why:
        raise Refused(
            problem(
                "libvirt.not-given",
                f"the address {uri!r} is not opened, so what is there cannot be told",
                why,
                "look there yourself with virsh, where you know the address",
            )
        )
