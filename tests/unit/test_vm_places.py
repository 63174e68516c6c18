"""Which existing files may be a machine's disk: not the system's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from vdesk.host import captured
from vdesk.plans.vm_places import of_system

OWN = ("/etc/passwd", "/usr/lib/x.img", "/boot/initrd.img", "/var/lib/dpkg/status", "/var/log/syslog", "/run/x.img")
FREE = (
    "/var/lib/libvirt/images/a.img",
    "/var/lib/libvirt/images/pool/no-suffix",
    "/var/lib/libvirt/other/a.qcow2",
    "/srv/vm/a",
    "/home/han/a.qcow2",
    "/mnt/a.raw",
    "/run/media/han/drive/a.qcow2",
    "/etcetera/a.img",
)


@pytest.mark.parametrize("path", [*OWN, *FREE])
def test_which_files(path: str, tmp_path: Path) -> None:
    place = tmp_path / path.lstrip("/")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    assert of_system(captured(str(tmp_path)), path) is (path in OWN)


def test_by_way_of_links(tmp_path: Path) -> None:
    """A folder of images that was moved counts as the folder; a link to the system's own does not help."""
    (tmp_path / "var/lib/libvirt").mkdir(parents=True)
    (tmp_path / "srv/big").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_bytes(b"mine")
    (tmp_path / "srv/x.img").symlink_to("/etc/passwd")
    (tmp_path / "srv/big/a").write_bytes(b"mine")
    (tmp_path / "var/lib/libvirt/images").symlink_to("/srv/big")
    host = captured(str(tmp_path))
    assert of_system(host, "/srv/x.img")
    assert not of_system(host, "/var/lib/libvirt/images/a") and not of_system(host, "/srv/big/a")
