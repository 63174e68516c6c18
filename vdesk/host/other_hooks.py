"""What other libvirt hooks than vdesk's do that matters here: the lines that tell it, in a script of whatever kind."""

from __future__ import annotations

import re

SIGNS = (
    ("moves devices between drivers", re.compile(r"driver_override|new_id|drivers_probe|/unbind|nodedev-(?:de|re)")),
    ("unloads graphics drivers", re.compile(r"(?:rmmod|modprobe\s+-r\w*)\s+\S*(?:nvidia|amdgpu|radeon|nouveau)")),
    (
        "calls libvirt, which waits for the hook",
        re.compile(r"(?<![\w/.-])(?:/usr/bin/)?virsh\b|\blibvirt\.open|^\s*(?:import|from)\s+libvirt\b"),
    ),
)
"""What another hook does that vdesk's does too, or that no hook may do."""


def does(line: str) -> list[str]:
    """What a line of a hook does; nothing for a comment."""
    return [] if line.lstrip().startswith("#") else [what for what, sign in SIGNS if sign.search(line)]
