"""What leaves a machine with a capture, and what has to stay for it to be of use."""

from __future__ import annotations

import pytest

from vdesk.host.scrub import Scrub


@pytest.fixture
def scrub() -> Scrub:
    return Scrub(["coruscant"], ["anakin"], ["SN-7766554433"])


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("sys/class/net/enx3c5282aabbcc", "sys/class/net/enx020000000001"),
        ("root=PARTUUID=4e3b2a19-03 UUID=1A2B-3C4D", "root=PARTUUID=00000001-03 UUID=0000-0002"),
        ('search --fs-uuid --set=root "x"; UUID="1A2B-3C4D"', 'search --fs-uuid --set=root "x"; UUID="0000-0001"'),
        ("resume=/dev/disk/by-id/nvme-Disk_S4EWNX0N-part3 ro", "resume=/dev/disk/by-id/nvme-Disk_SERIAL-part3 ro"),
        ('set superusers="root"', "set superusers=X"),
        ("password_pbkdf2 root grub.pbkdf2.sha512.10000.AB", "password_pbkdf2 X"),
        ("menuentry 'x' --users bob {", "menuentry 'x' --users X {"),
        ("nas:/export /data nfs rw", "server:/export /data nfs rw"),
        ("40 30 0:44 / /mnt/own rw - nfs4 nas:/x rw", "40 30 0:44 / /mnt/place1 rw - nfs4 server:/x rw"),
        ("- cifs //nas/share rw", "- cifs //server/share rw"),
        ("iqn.1993-08.org.debian:01:4f2a91c7", "iqn.2000-01.org.example:X"),
        ("systemd.hostname=dagobah quiet", "systemd.hostname=server quiet"),
        ("Authorization: Bearer ey99", "Authorization: Bearer X"),
        ("export API_KEY='abc def'", "export API_KEY='X def'"),
        ("essid:\"Mos Eisley\" up", "essid:X up"),
        ("usb 2-2: disk, serial AA11BB22", "usb 2-2: disk, serial X"),
    ],
)  # fmt: skip
def test_private(scrub: Scrub, text: str, clean: str) -> None:
    assert scrub.text(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "0000:01:00.0 pci_0000_01_00_0 10de:1402",
        "linux /vmlinuz root=/dev/nvme0n1p2 ro intel_iommu=on,igfx_off",
        "DMAR: DRHD base: 0x000000fed90000 flags: 0x1",
        "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009ffff] usable",
        "serial8250: ttyS0 at I/O 0x3f8 (irq = 4) is a 16550A",
        "alias pci:v000010DEd00001402sv*sd*bc03sc00i00* nouveau",
        "PATH=/usr/sbin:/usr/bin:/sbin",
        "/dev/disk/by-path/pci-0000:00:17.0-ata-1",
        "deadbeef 123456789012 abcdefabcdef",
        "SERIAL of the port",
    ],
)
def test_no_secret(scrub: Scrub, text: str) -> None:
    assert scrub.text(text) == text


def test_the_same_is_the_same_everywhere(scrub: Scrub) -> None:
    """What ties files together goes on doing so: an interface by its path and its name, a file system by its id."""
    assert scrub.path("sys/class/net/enx3C5282AABBCC").rpartition("/")[2] in scrub.text("dev enx3c5282aabbcc")
    assert scrub.text("addr 3c:52:82:aa:bb:cc")[-2:] == scrub.text("enx3c5282aabbcc")[-2:]
    assert scrub.path("dev/disk/by-uuid/1A2B-3C4D").rpartition("/")[2] in scrub.text("UUID=1a2b-3c4d")
    assert scrub.path("dev/disk/by-partuuid/4e3b2a19-03").endswith(scrub.text("PARTUUID=4e3b2a19-03")[9:])
