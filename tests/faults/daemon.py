"""A real libvirtd of one's own, without root: its state outlives a vdesk that is killed. It knows libvirt's test driver
and the real QEMU driver (as a session), and nothing of this machine's own libvirt."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

DRIVERS = "/usr/lib"
CONF = 'unix_sock_dir = "{run}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n'


class Daemon:
    """Addresses of the two drivers behind one socket."""

    def __init__(self, socket: Path) -> None:
        self.test = f"test+unix:///default?socket={socket}"
        self.qemu = f"qemu+unix:///session?socket={socket}"


@contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    """Run it, with a connection kept open: the test driver forgets all with its last one."""
    for name in ("drivers", "run"):
        (folder / name).mkdir()
    (source,) = Path(DRIVERS).glob("*/libvirt/connection-driver/libvirt_driver_qemu.so")
    (folder / "drivers" / source.name).symlink_to(source)
    (folder / "libvirtd.conf").write_text(CONF.format(run=folder / "run"))
    places = {"CONFIG": "config", "CACHE": "cache", "DATA": "data", "STATE": "state"}
    environment = {
        **os.environ,
        "LIBVIRT_DRIVER_DIR": str(folder / "drivers"),
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        **{f"XDG_{key}_HOME": str(folder / name) for key, name in places.items()},
    }
    # A user of no rank in a name space of his own: the daemon is a session's, and leaves the system alone.
    words = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "libvirtd"]
    words += ["-f", str(folder / "libvirtd.conf"), "-p", str(folder / "pid")]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, env=environment, stderr=log, stdout=log) as child:
        try:
            kept = _connected(Daemon(_socket(folder, child)))
            yield kept[0]
        finally:
            child.terminate()


def _socket(folder: Path, child: subprocess.Popen[bytes]) -> Path:
    end = time.monotonic() + 20
    while time.monotonic() < end and child.poll() is None:
        found = list((folder / "run").rglob("libvirt-sock"))
        if found:
            return found[0]
        time.sleep(0.02)
    raise AssertionError((folder / "log").read_text(errors="replace"))


def _connected(found: Daemon) -> tuple[Daemon, Any]:
    import libvirt

    return found, libvirt.open(found.test)


def known(uri: str) -> dict[str, tuple[bool, str]]:
    """Name -> whether it runs, and the devices that it is given, of every machine that the daemon has."""
    import libvirt

    connection = libvirt.open(uri)
    try:
        return {
            each.name(): (bool(each.isActive()), _devices(each.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
            for each in connection.listAllDomains(0)
        }
    finally:
        connection.close()


def _devices(xml: str) -> str:
    found = ElementTree.fromstring(xml).findall("devices/hostdev/source/address")
    return " ".join(sorted(str(sorted(each.items())) for each in found))


def defined(uri: str, xml: str) -> None:
    """Define a machine, as a person does with virsh."""
    import libvirt

    connection = libvirt.open(uri)
    connection.defineXML(xml)
    connection.close()


def without(uri: str, name: str) -> None:
    """Remove a machine, running or not."""
    import libvirt

    connection = libvirt.open(uri)
    for each in connection.listAllDomains(0):
        if each.name() == name:
            if each.isActive():
                each.destroy()
            each.undefine()
    connection.close()
