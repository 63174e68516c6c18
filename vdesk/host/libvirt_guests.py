"""libvirt-guests: what becomes of running virtual machines when the host shuts down (libvirt-guests(8)). Without a word
of its configuration it saves them; Debian's says `shutdown`."""

from __future__ import annotations

import re

from vdesk.host.host import Host

ENABLED = "etc/systemd/system/multi-user.target.wants/libvirt-guests.service"
SETTINGS = ("etc/sysconfig/libvirt-guests", "etc/conf.d/libvirt-guests", "etc/default/libvirt-guests")
"""As Fedora and SUSE, Arch, and Debian have it."""
DEBIAN = SETTINGS[-1]
ON_SHUTDOWN = re.compile(r"^\s*ON_SHUTDOWN=[\"']?(\w+)", re.MULTILINE)


def saves_in(host: Host) -> str:
    """The file (an absolute path) that has the service save machines, or leaves it at that; empty where none does."""
    if host.link(ENABLED) is None:
        return ""
    there = [path for path in SETTINGS if host.exists(path)]
    path = (there or [each for each in SETTINGS if host.exists(each.rpartition("/")[0])] or [DEBIAN])[0]
    said = ON_SHUTDOWN.findall(host.text(path))
    if said[-1:] == ["suspend"] or (not said and path != DEBIAN):
        return "/" + path
    return ""
