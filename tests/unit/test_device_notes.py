"""What a person hears of each driver and card before it is taken, and before it goes back."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.binding import bound, planned
from tests.kernel.pieces import function, host_of, link, place
from tests.machines.parts import Link, Tree
from tests.unit.test_bind_consoles import console, firmware, framebuffer
from vdesk.changes import undoing
from vdesk.host import Host
from vdesk.host.pci import devices
from vdesk.model.address import parse_address
from vdesk.plans.device_notes import notes
from vdesk.plans.giving_back import unbind

CARD, OTHER = "0000:01:00.0", "0000:00:02.0"
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.16  Release Build\n"

DRIVERS: dict[str, tuple[str, dict[str, str], Tree, str]] = {
    "nouveau": ("030000", {"driver": "nouveau"}, {}, "nouveau lets go of an idle card; after a guest has used it"),
    "nvidia": ("030000", {"driver": "nvidia"}, {}, "NVIDIA's driver lets go only when no program uses the card"),
    "nvidia, open": (
        "030200",
        {"driver": "nvidia"},
        {"proc/driver/nvidia/version": OPEN},
        "NVIDIA's open modules, as the",
    ),
    "amdgpu": ("030000", {"driver": "amdgpu", "device": "0x744c"}, {}, "back to amdgpu is known to fail on some cards"),
    "amdgpu, Polaris": (
        "030000",
        {"driver": "amdgpu", "device": "0x67df"},
        {},
        "are known to crash amdgpu when they come",
    ),
    "amdgpu, Vega": (
        "030000",
        {"driver": "amdgpu", "device": "0x687f"},
        {},
        "do not reset cleanly (vendor-reset helps",
    ),
    "amdgpu, Navi 10": ("030000", {"driver": "amdgpu", "device": "0x731f"}, {}, "bind it at boot and leave it there"),
    "amdgpu, Navi 48": (
        "030000",
        {"driver": "amdgpu", "device": "0x7550"},
        {},
        "on kernel 7.2 giving this card back was",
    ),
    "radeon": ("030000", {"driver": "radeon", "device": "0x6798"}, {}, "giving a card back to radeon is known to fail"),
    "i915": ("030000", {"driver": "i915"}, {}, "i915 is not made to let go of a card while the machine runs"),
    "xe": ("030000", {"driver": "xe"}, {}, "xe is not made to let go of a card while the machine runs"),
    "snd_hda_intel": (
        "040300",
        {"driver": "snd_hda_intel"},
        {},
        "its sound card disappears for programs; one that keeps",
    ),
    "xhci_hcd, empty": ("0c0330", {"driver": "xhci_hcd"}, {}, "nothing is plugged into it"),
    "xhci_hcd": (
        "0c0330",
        {"driver": "xhci_hcd"},
        {f"{place(CARD)}/usb3/3-1/product": "Keyboard K120\n", f"{place(CARD)}/usb3/3-0:1.0/product": "no\n"},
        "what is plugged into it goes along: Keyboard K120",
    ),
    "xhci_hcd without reset": (
        "0c0330",
        {"driver": "xhci_hcd", "vendor": "0x1022", "device": "0x149c"},
        {},
        "the kernel cannot reset it alone, a second start may need a reboot",
    ),
    "reset": (
        "030000",
        {"reset_method": "flr bus"},
        {},
        "can reset it by flr (function-level reset), bus (its whole bus)",
    ),
    "reset of the bus": (
        "030000",
        {"reset_method": "bus"},
        {},
        "bus (its whole bus); that takes every function of its slot",
    ),
    "reset by a way to come": ("030000", {"reset_method": "magic"}, {}, "the kernel can reset it by magic"),
    "no reset": ("030000", {}, {"proc/sys/kernel/osrelease": "6.1\n"}, "the kernel has no way to reset it"),
    "the console": (
        "030000",
        {"driver": "nouveau"},
        console() | framebuffer(0, place(CARD)),
        "the text console on it goes,",
    ),
    "VGA text": (
        "030000",
        {"boot_vga": "1"},
        {},
        "a text console without a driver for the card is there again after a",
    ),
    "the boot's picture": ("038000", {"boot_vga": "1"}, firmware(), "it is given back with the card"),
    "the boot's picture on VGA": (
        "030000",
        {"boot_vga": "1"},
        firmware() | {"proc/sys/kernel/osrelease": "6.1\n"},
        "(efi-framebuffer.0); it is there again after a reboot",
    ),
    "the boot's picture before 6.0": (
        "030000",
        {"boot_vga": "1"},
        firmware() | {"proc/sys/kernel/osrelease": "5.10\n"},
        "(efi-framebuffer.0); it is given back with the card",
    ),
}


def card(host: Host) -> list[str]:
    (device,) = [each for each in devices(host, names=False) if str(each.address) == CARD]
    return notes(host, device)


@pytest.mark.parametrize("name", DRIVERS)
def test_each_driver_is_spoken_of(name: str, tmp_path: pathlib.Path) -> None:
    pci_class, facts, files, says = DRIVERS[name]
    said = card(host_of(tmp_path, function(CARD, pci_class, group="1", **facts), files))
    assert any(says in each for each in said), said
    assert all(each.startswith(f"{CARD}: ") for each in said)


@pytest.mark.parametrize("driver", ["vfio-pci", ""])
def test_a_card_that_nobody_drives(driver: str, tmp_path: pathlib.Path) -> None:
    """Nothing goes back to amdgpu then, and nothing has to let go."""
    facts = {"driver": driver} if driver else {}
    assert card(host_of(tmp_path, function(CARD, "030000", group="1", device="0x67df", **facts))) == []


def test_the_way_back_to_amdgpu_is_warned_of(tmp_path: pathlib.Path) -> None:
    tree = function(CARD, "030000", group="1", driver="amdgpu", device="0x67df", driver_override="(null)")
    host = host_of(
        tmp_path, tree, function(OTHER, "030000", group="2", driver="i915"), {"sys/bus/pci/drivers/vfio-pci": None}
    )
    assert any("known to crash amdgpu" in each for each in planned(host, CARD).intro)
    assert bound(host, CARD).exit_code == 0
    plan = unbind(host, [parse_address(CARD)], undoing.entries(host))
    assert any("known to crash amdgpu" in each and "reboot instead" in each for each in plan.intro)


def test_what_a_normal_user_cannot_see_is_said(tmp_path: pathlib.Path) -> None:
    """Both ways: who has the card open, and which virtual machine has its group."""
    tree = function(CARD, "030000", group="1", driver="nouveau", driver_override="(null)")
    folder = f"{place(CARD)}/drm/card1"
    tree |= {f"{folder}/dev": "226:1\n", "sys/bus/pci/drivers/vfio-pci": None} | link("sys/class/drm/card1", folder)
    tree |= {"proc/50/comm": "Xorg\n", "proc/50/cmdline": "/usr/bin/Xorg\0", "proc/50/fd/3": Link("/dev/null")}
    tree["run/vdesk/machine.json"] = '{"unreadable": ["proc/50/fd"]}'
    host = host_of(tmp_path, tree, function(OTHER, "030000", group="2", driver="i915"))
    said = "1 process could not be looked into for open nodes of these devices; root can."
    assert said in planned(host, CARD).intro
    assert bound(host, CARD).exit_code == 0
    assert said in unbind(host, [parse_address(CARD)], undoing.entries(host)).intro
