"""The bytes of the hook as it is installed: vdesk/libvirt_hook/hook.py with the modules beside it as one text in it.

One file, since it has to stand alone; a text, since python compiles a whole script before it runs its first line, and
most starts of virtual machines are not vdesk's: for those only hook.py's few lines are compiled."""

from __future__ import annotations

from vdesk.changes.one_file import joined

MODULES = (
    "machine",
    "domain",
    "look",
    "identity",
    "state",
    "memory",
    "cpus",
    "desktop",
    "moves",
    "consoles",
    "nvidia",
    "phases",
)
PLACE = 'WORK = ""'


def hook_bytes() -> bytes:
    """The file, the same for the same vdesk; ValueError is a mistake in vdesk itself."""
    from importlib.resources import files

    folder = files("vdesk.libvirt_hook")
    head = folder.joinpath("hook.py").read_text(encoding="utf-8")
    work = joined("vdesk.libvirt_hook", MODULES)
    if head.count(PLACE) != 1 or "'''" in work:
        raise ValueError("the modules of the hook cannot be put into one file")
    return head.replace(PLACE, f"WORK = r'''\n{work}'''").encode()
