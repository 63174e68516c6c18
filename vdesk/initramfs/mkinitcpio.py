"""mkinitcpio, of Arch Linux (mkinitcpio(8)): a hook right after `base`, since udev's own early hook finds the drivers;
with the systemd hook no shell hooks run, so that the unit goes into the image instead."""

from __future__ import annotations

from vdesk.host import Host
from vdesk.initramfs.builders import Builder
from vdesk.initramfs.hold import FUNCTIONS, HEAD, HOLD, LATE

UNIT = "vdesk-hold.service"
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
        ),
        ("mkinitcpio", "-P"),
        ("lsinitcpio",),
    )
