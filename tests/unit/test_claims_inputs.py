"""last-input: the last keyboard and the last pointer, each for itself."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import function, host_of, link, place
from vdesk.host.claims import claims
from vdesk.host.pci import devices

A, B = "0000:00:14.0", "0000:02:00.0"
TYPES = "B: EV=120013\nB: KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
MEDIA = (
    "B: EV=1f\nB: KEY=3f000301ff 0 0 483ffff17aff32d bfd4444600000000 1 130ff38b17d000 677bfad9415fed 19ed68000004400"
)
POWER = "B: EV=3\nB: KEY=10000000000000 0"
POINTS = "B: EV=17\nB: KEY=ff0000 0 0 0 0\nB: REL=1943"
TOUCHPAD = "B: EV=b\nB: KEY=e520 10000 0 0 0 0\nB: ABS=2e0800000000003"
TABLET = "B: EV=1f\nB: KEY=70000 0 0 0 0\nB: REL=100\nB: ABS=3"
JOYSTICK = "B: EV=b\nB: KEY=ffff00000000 0 0 0 0\nB: ABS=3"


def entry(name: str, bits: str, sysfs: str, bus: str = "0003") -> str:
    head = f'I: Bus={bus} Vendor=046d Product=c31c Version=0110\nN: Name="{name}"\nP: Phys=x\nS: Sysfs={sysfs}\n'
    return f"{head}U: Uniq=\nH: Handlers=kbd event1\n{bits}\n\n"


def usb(address: str, number: int) -> str:
    return f"/{place(address).removeprefix('sys/')}/usb1/1-{number}/1-{number}:1.0/input/input{number}"


PS2 = "/devices/platform/i8042/serio0/input/input9"
UINPUT = "/devices/virtual/input/input20"
UHID = "/devices/virtual/misc/uhid/0005:046D:B342.0003/input/input21"
KBD_A, MOUSE_A = entry("Keys", TYPES, usb(A, 1)), entry("Mouse", POINTS, usb(A, 2))
KBD_B, MOUSE_B = entry("Keys 2", TYPES, usb(B, 1)), entry("Mouse 2", POINTS, usb(B, 2))
EVENT = "/devices/LNXSYSTM:00/LNXPWRBN:00/input/input0"

# name -> the devices, and what is lost with controller A: words of the reasons
TABLE: dict[str, tuple[str, list[str]]] = {
    "both on it": (KBD_A + MOUSE_A, ["keyboard", "pointer"]),
    "others elsewhere": (KBD_A + MOUSE_A + KBD_B + MOUSE_B, []),
    "only the mouse is the last": (KBD_A + MOUSE_A + KBD_B, ["pointer"]),
    "PS/2 counts": (KBD_A + MOUSE_A + entry("AT keyboard", TYPES, PS2, "0011"), ["pointer"]),
    "a power button is no keyboard": (KBD_A + entry("Power Button", POWER, EVENT, "0019"), ["keyboard"]),
    "media keys are no keyboard": (KBD_A + entry("Consumer Control", MEDIA, usb(B, 3)), ["keyboard"]),
    "a joystick is no pointer": (MOUSE_A + entry("Gamepad", JOYSTICK, usb(B, 3)), ["pointer"]),
    "a touchpad is a pointer": (MOUSE_A + entry("Touchpad", TOUCHPAD, PS2), []),
    "so is a tablet of a virtual machine": (MOUSE_A + entry("Tablet", TABLET, usb(B, 1)), []),
    "what a program makes does not count": (KBD_A + entry("keyd virtual keyboard", TYPES, UINPUT), ["keyboard"]),
    "Bluetooth elsewhere counts": (KBD_A + entry("BT keys", TYPES, UHID, "0005"), []),
    "nothing on it": (KBD_B + MOUSE_B, []),
    "no input devices at all": ("", []),
    "nonsense": ("I: \nB: KEY=zz\nB: EV\n\n\n\n\0", []),
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_lost_with_one_controller(name: str, tmp_path: pathlib.Path) -> None:
    text, expected = TABLE[name]
    pieces = function(A, "0c0330", driver="xhci_hcd") | function(B, "0c0330", driver="xhci_hcd")
    adapter = link("sys/class/bluetooth/hci0", f"{place(B)}/usb2/2-7/2-7:1.0/bluetooth/hci0")
    adapter[f"{place(B)}/usb2/2-7/2-7:1.0/bluetooth/hci0/uevent"] = "\n"
    host = host_of(tmp_path, pieces, adapter, {"proc/bus/input/devices": text})
    found = claims(host, devices(host, names=False)[:1])
    assert [(each.rule, str(each.address)) for each in found] == [("last-input", A)] * len(expected)
    assert [each.reason.rpartition(" ")[2] for each in found] == expected


def test_both_controllers_taken_together(tmp_path: pathlib.Path) -> None:
    """Each alone leaves the other's keyboard; both leave none. The adapter's Bluetooth keyboard goes with it."""
    pieces = function(A, "0c0330") | function(B, "0c0330")
    adapter = link("sys/class/bluetooth/hci0", f"{place(B)}/usb2/bluetooth/hci0")
    adapter[f"{place(B)}/usb2/bluetooth/hci0/uevent"] = "\n"
    text = KBD_A + entry("BT keys", TYPES, UHID, "0005")
    host = host_of(tmp_path, pieces, adapter, {"proc/bus/input/devices": text})
    assert [str(each.address) for each in claims(host, devices(host, names=False))] == [A, B]
