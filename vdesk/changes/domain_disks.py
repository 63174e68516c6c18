"""The disks of a defined machine: whether a guest wrote to one since, so that its definition is worth more than a
form: beside it lie the NVRAM and the TPM state, and the key to what is on the disk may be in these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from vdesk.changes.change import Record
from vdesk.host import Host
from vdesk.host.libvirt_conn import Domain
from vdesk.model.errors import HostError, Refused, problem

NVRAM = "var/lib/libvirt/qemu/nvram"
TPM = "var/lib/libvirt/swtpm"
EMPTY = 2
"""blkid's exit code where it found nothing on a device."""


def stamps(host: Host, xml: str) -> dict[str, list[int] | None]:
    """Path -> [size, time of the last write] of every image file in a definition, None for one that is not there."""
    return {path: _stamp(host, path) for path, block in _disks(ElementTree.fromstring(xml)) if not block}


def refuse_used(host: Host, record: Record, found: Domain) -> None:
    """Refused where a disk of the machine was written to since it was defined."""
    root = ElementTree.fromstring(found.xml)
    known: dict[str, Any] = record.get("disks", {})
    for path, block in _disks(root):
        now = None if block else _stamp(host, path)
        if path in known:
            used = now is not None and now != known[path]
        else:  # a device, or a disk that was not there when the machine was defined
            used = _started(host, root, found) and (_has_content(host, path) if block else now is not None)
        if used:
            raise Refused(
                problem(
                    "undo.vm-used",
                    f"the virtual machine {found.name} stays: its disk {path} was written to since vdesk made it",
                    "a guest may have been installed on it, and with the definition would go the NVRAM and the TPM "
                    "state, without which an encrypted disk cannot be read",
                    f"when nobody needs it: vdesk delete {found.name}, with its disks: "
                    f"vdesk delete {found.name} --disks",
                )
            )


def _disks(root: Element) -> Iterator[tuple[str, bool]]:
    """(path, whether it is a block device) of each disk; no discs, nothing that is not on this machine."""
    for each in root.findall("devices/disk"):
        source = each.find("source")
        path = "" if source is None else source.get("file") or source.get("dev") or ""
        if path.startswith("/") and each.get("device", "disk") == "disk":
            yield path, each.get("type") == "block"


def _stamp(host: Host, path: str) -> list[int] | None:
    if not host.exists(path[1:]):
        return None
    found = host.stat(path[1:])
    return [found.size, found.mtime_ns]


def _started(host: Host, root: Element, found: Domain) -> bool:
    """Whether there is what libvirt makes at the first start: the NVRAM, the TPM's state."""
    nvram = root.findtext("os/nvram", "").strip() or f"/{NVRAM}/{found.name}_VARS.fd"
    return host.exists(nvram.lstrip("/")) or host.exists(f"{TPM}/{found.uuid}")


def _has_content(host: Host, path: str) -> bool:
    """Whether anything is on a device; not known counts as something."""
    try:
        return host.run(["blkid", "-p", path], timeout=30.0).exit_code != EMPTY
    except HostError:
        return True
