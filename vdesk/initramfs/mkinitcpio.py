"""mkinitcpio, of Arch Linux (mkinitcpio(8)): a hook right after `base`, since udev's own early hook finds the drivers;
with the systemd hook no shell hooks run, so that units go into the image instead."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.initramfs.builders import Builder
from vdesk.initramfs.hold import FUNCTIONS, HEAD, HOLD, LATE

UNIT, LATE_UNIT, LATE_FILE = "vdesk-hold.service", "vdesk-late.service", "etc/vdesk/late.service"
LATE_TEXT = """\
# Written by vdesk (vdesk bind --boot), and taken away by it (vdesk unbind --boot). In the initramfs only.
[Unit]
Description=Let devices go where the new root has nothing that decides about them
DefaultDependencies=no
ConditionPathExists=/etc/initrd-release
After=initrd-root-fs.target initrd-fs.target
Before=initrd.target initrd-cleanup.service initrd-switch-root.target
Conflicts=initrd-switch-root.target shutdown.target

[Service]
Type=oneshot
ExecStart=/bin/sh /etc/vdesk/hold late
TimeoutStartSec=20
"""
INSTALL = f"""\
#!/bin/bash
# Written by vdesk (vdesk bind --boot): devices of the list are held back before udev finds their drivers.

build() {{
    [[ -f /etc/vdesk/devices ]] || return 0
    add_file /etc/vdesk/devices
    if [[ " ${{HOOKS[*]}} " == *" systemd "* ]]; then
        add_binary sh
        add_file /etc/vdesk/hold
        add_file /etc/systemd/system/{UNIT} /usr/lib/systemd/system/{UNIT}
        add_symlink /usr/lib/systemd/system/sysinit.target.wants/{UNIT} ../{UNIT}
        add_file /{LATE_FILE} /usr/lib/systemd/system/{LATE_UNIT}
        add_symlink /usr/lib/systemd/system/initrd.target.wants/{LATE_UNIT} ../{LATE_UNIT}
    else
        add_runscript
    fi
}}

help() {{
    echo "Holds the devices of /etc/vdesk/devices back from their drivers (vdesk bind --boot)."
}}
"""
CONFIGURATION = """\
# Written by vdesk (vdesk bind --boot): its hook comes right after the first one, before udev's.
HOOKS=("${HOOKS[0]}" vdesk "${HOOKS[@]:1}")
"""


def builder(host: Host) -> Builder:
    """The hook, what puts it into the image, and its place among the hooks."""
    indented = f"run_earlyhook() {{\n    {HOLD}}}\n\nrun_latehook() {{\n    vdesk_late\n}}\n"
    text = f"{HEAD}{FUNCTIONS}\nvdesk_late() {{\n{LATE}}}\n\n{indented}"
    return Builder(
        "mkinitcpio",
        "mkinitcpio",
        (
            ("etc/initcpio/hooks/vdesk", text, 0o644),
            ("etc/initcpio/install/vdesk", INSTALL, 0o644),
            ("etc/mkinitcpio.conf.d/vdesk.conf", CONFIGURATION, 0o644),
            (LATE_FILE, LATE_TEXT, 0o644),
        ),
        ("mkinitcpio", "-P"),
        ("lsinitcpio",),
    )
