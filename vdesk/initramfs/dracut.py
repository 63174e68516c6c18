"""dracut, of Fedora, openSUSE and Ubuntu from 25.10 on, in Debian on wish (dracut.modules(7)): a module of our own,
whose hooks run before udev (pre-udev) and before the new root (pre-pivot)."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.initramfs.builders import Builder
from vdesk.initramfs.hold import early, late

FOLDER = "usr/lib/dracut/modules.d/90vdesk"
SETUP = """\
#!/bin/bash
# Written by vdesk (vdesk bind --boot): devices of the list are held back before udev finds their drivers.

check() {
    [[ -f /etc/vdesk/devices ]]
}

depends() {
    return 0
}

install() {
    inst_simple /etc/vdesk/devices
    inst_hook pre-udev 00 "$moddir/vdesk-hold.sh"
    inst_hook pre-pivot 99 "$moddir/vdesk-late.sh"
}
"""


def builder(host: Host) -> Builder:
    """The module; Debian's update-initramfs where dracut brings one, for it knows the images' names.

    Else each image is built beside the old one: dracut up to 106 ends with `cp tmp "$outfile"`, into the image that is
    there; from 107 on it renames (dracut.sh). The configuration decides alike for one image and for all."""
    shim = host.which("update-initramfs")
    return Builder(
        "dracut",
        "dracut",
        (
            (f"{FOLDER}/module-setup.sh", SETUP, 0o755),
            (f"{FOLDER}/vdesk-hold.sh", early(), 0o755),
            (f"{FOLDER}/vdesk-late.sh", late(), 0o755),
        ),
        ("update-initramfs", "-u", "-k", "all") if shim else ("dracut", "--force", "--regenerate-all"),
        ("lsinitrd",),
        (FOLDER,),
        () if shim else ("dracut", "--force", "{image}", "{kernel}"),
    )
