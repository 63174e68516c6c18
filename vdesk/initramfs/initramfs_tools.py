"""initramfs-tools, of Debian and Ubuntu (initramfs-tools(7)): scripts of a folder run in the order of their names where
none asks for another one, and udev's asks for none: 00-vdesk comes before it."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.initramfs.builders import Builder
from vdesk.initramfs.hold import early, late

PREREQS = 'PREREQ=""\nif [ "${1:-}" = prereqs ]; then\n    echo "$PREREQ"\n    exit 0\nfi\n'
HOOK = """\
#!/bin/sh
# Written by vdesk (vdesk bind --boot): the list of devices goes into the initramfs.
PREREQ=""
if [ "${1:-}" = prereqs ]; then
    echo "$PREREQ"
    exit 0
fi
set -e
[ -f /etc/vdesk/devices ] || exit 0
mkdir -p "$DESTDIR/etc/vdesk"
cp -p /etc/vdesk/devices "$DESTDIR/etc/vdesk/devices"
"""
FOLDER = "etc/initramfs-tools"


def builder(host: Host) -> Builder:
    """The scripts for init-top and init-bottom, and the hook that copies the list."""
    return Builder(
        "initramfs-tools",
        "mkinitramfs",
        (
            (f"{FOLDER}/hooks/vdesk", HOOK, 0o755),
            (f"{FOLDER}/scripts/init-top/00-vdesk", _with_prereqs(early()), 0o755),
            (f"{FOLDER}/scripts/init-bottom/zz-vdesk", _with_prereqs(late()), 0o755),
        ),
        ("update-initramfs", "-u", "-k", "all"),
        ("lsinitramfs",),
        in_place=False,  # update-initramfs(8) makes IMAGE.new, and renames it
    )


def _with_prereqs(text: str) -> str:
    first, _, rest = text.partition("\n")
    return f"{first}\n{PREREQS}{rest}"
