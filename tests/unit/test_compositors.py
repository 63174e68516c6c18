"""A Wayland compositor that has a virtual machine's card open: its own setting is named, with what goes into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build, lay_out, tree_of
from tests.machines.desktops import debian
from tests.machines.parts import Holder
from vdesk.host import captured
from vdesk.host.compositors import keep_off
from vdesk.model.address import parse_address

CARD, IGPU = "0000:01:00.0", "0000:00:02.0"
RULE = f'SUBSYSTEM=="drm", KERNELS=="{CARD}", TAG+="mutter-device-ignore"'


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gnome-shell", RULE),
        ("kwin_wayland", "KWIN_DRM_DEVICES=/dev/dri/card0 into /etc/environment"),
        ("sway", "WLR_DRM_DEVICES=/dev/dri/card0"),
        ("Hyprland", "AQ_DRM_DEVICES=/dev/dri/card0"),
        ("weston", "or keep that session off the card"),
        ("Xorg", "or keep that session off the card"),
    ],
)
def test_each_has_its_own_setting(memory: Path, command: str, said: str) -> None:
    holder = Holder(1893, command, ("/dev/dri/card0", "/dev/dri/card1"))
    root = lay_out(tree_of(replace(debian(), holders=(holder,))), memory / "root")
    error = on(root, "bind", CARD, "-n", "--json").envelope["errors"][0]
    assert error["id"] == "rule.in-use" and said in error["remedy"], error
    found = on(root, "check", "--json").envelope["findings"]
    remedy = next(each["remedy"] for each in found if each["id"] == "gpu.driver" and each["device"] == CARD)
    assert said in remedy or ("session off" in said and "end them" in remedy)
    assert f"sudo vdesk bind {CARD}" in remedy


def test_not_off_the_card_that_shows_the_desktop(memory: Path) -> None:
    """Nothing else shows a picture: to be kept off it would leave the desktop without one."""
    host = captured(str(build("debian", memory / "root")))
    assert keep_off(host, "gnome-shell", parse_address(IGPU)) == ""
    assert "mutter-device-ignore" in keep_off(host, "gnome-shell", parse_address(CARD))
