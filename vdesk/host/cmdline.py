"""The arguments that the running kernel was booted with (Documentation/admin-guide/kernel-parameters.rst)."""

from __future__ import annotations

import re

from vdesk.host.host import Host
from vdesk.host.kernel_log import printable
from vdesk.model.errors import HostError

PATH = "proc/cmdline"
_WORD = re.compile(r'(?:[^\s"]|"[^"]*(?:"|$))+')


def booted(host: Host) -> tuple[str, ...] | None:
    """The kernel's own arguments in their order, or None where they could not be read. What follows `--` is init's."""
    try:
        text = host.read(PATH, 1 << 16)
    except HostError:
        return None
    found = []
    for word in _WORD.findall(text):
        if word == "--":
            break
        found.append(printable(word.replace('"', ""), 4096))
    return tuple(found)


def values(arguments: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The values of every `name=` among them, in order; the kernel takes - and _ in a name for the same."""
    wanted = name.replace("-", "_")
    pairs = (each.partition("=") for each in arguments)
    return tuple(value for key, equals, value in pairs if equals and key.replace("-", "_") == wanted)
