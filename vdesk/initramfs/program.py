"""What binding at boot puts on the host beside the initramfs: the program that decides, and the units that run it."""

from __future__ import annotations

from vdesk.changes.one_file import joined
from vdesk.initramfs.hold import on_the_system

UNITS = "etc/systemd/system"
PROGRAM = "etc/vdesk/boot"
SHELL = "etc/vdesk/hold"
PYTHON = "usr/bin/python3"
HEAD = """\
#!/usr/bin/python3 -IS
# Written by vdesk (vdesk bind --boot): binds the devices of /etc/vdesk/devices early in a boot, and finds out later
# whether that boot was a good one. Standard library only: it works without vdesk being there.
from __future__ import annotations
"""
_WRITTEN = "# Written by vdesk (vdesk bind --boot), and taken away by it (vdesk unbind --boot).\n"
_LIST = "ConditionPathExists=/etc/vdesk/devices\n"

HOLD = f"""\
{_WRITTEN}[Unit]
Description=Hold the devices that vdesk binds at boot back from their drivers
Documentation=man:vdesk-bind(1)
{_LIST}DefaultDependencies=no
Before=systemd-modules-load.service systemd-udev-trigger.service sysinit.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /{SHELL} hold
TimeoutStartSec=20
"""
DECIDE = f"""\
{_WRITTEN}[Unit]
Description=Bind the devices of /etc/vdesk/devices to vfio-pci
Documentation=man:vdesk-bind(1)
DefaultDependencies=no
After=vdesk-hold.service systemd-remount-fs.service local-fs.target
Before=sysinit.target display-manager.service libvirtd.service virtqemud.service shutdown.target
Conflicts=shutdown.target
OnFailure=vdesk-boot-release.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/{PYTHON} -I -S /{PROGRAM} decide
TimeoutStartSec=90
"""
RELEASE = f"""\
{_WRITTEN}[Unit]
Description=Let the devices go that were held back for vfio-pci
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/bin/sh /{SHELL} release
TimeoutStartSec=60
"""
PROVE = f"""\
{_WRITTEN}[Unit]
Description=See whether this boot, with its devices on vfio-pci, reaches the desktop with a picture
Documentation=man:vdesk-bind(1)
{_LIST}After=vdesk-boot.service

[Service]
ExecStart=/{PYTHON} -I -S /{PROGRAM} prove
"""


def program() -> str:
    """The program, the same for the same vdesk."""
    machine = joined("vdesk.libvirt_hook", ["machine"])
    own = joined("vdesk.at_boot", ["listed", "trial", "moving", "using", "deciding", "proving", "program"])
    return f"{HEAD}\n{machine}\n\n{own}"


def files() -> tuple[tuple[str, str, int], ...]:
    """(path, text, mode) of each file. A unit is wanted by its target's own drop-in: nothing has to be enabled."""
    wants = f"{_WRITTEN}[Unit]\nWants="
    return (
        (PROGRAM, program(), 0o644),
        (SHELL, on_the_system(), 0o644),
        (f"{UNITS}/vdesk-hold.service", HOLD, 0o644),
        (f"{UNITS}/vdesk-boot.service", DECIDE, 0o644),
        (f"{UNITS}/vdesk-boot-release.service", RELEASE, 0o644),
        (f"{UNITS}/vdesk-boot-proof.service", PROVE, 0o644),
        (f"{UNITS}/sysinit.target.d/vdesk.conf", f"{wants}vdesk-hold.service vdesk-boot.service\n", 0o644),
        (f"{UNITS}/multi-user.target.d/vdesk.conf", f"{wants}vdesk-boot-proof.service\n", 0o644),
    )


FOLDERS = ("etc/vdesk", "var/lib/vdesk/boot")
"""Folders that are vdesk's alone, to be removed with the last file in them."""
