"""Keyboards and pointers, and the PCI functions they hang on (proc/bus/input/devices, Documentation/input/input.rst).
What a device can do decides, not its name or handlers: a power button has the handler `kbd` and is no keyboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vdesk.host.host import Host
from vdesk.host.storage import functions_of
from vdesk.model.address import Address
from vdesk.model.errors import HostError
from vdesk.model.record import Record

if TYPE_CHECKING:
    from vdesk.host.usb import UsbDevice

DEVICES = "proc/bus/input/devices"
CLASS = "sys/class/input"
BITS = ("ev", "key", "rel", "abs")
BLUETOOTH = "sys/class/bluetooth"
# input-event-codes.h
EV_KEY, EV_REL, EV_ABS = 1, 2, 3
TYPING = 0xFFFFFFFE  # KEY_ESC to KEY_D, all of them: udev's test for a full keyboard
X_AND_Y = 0b11
BTN_LEFT, BTN_TOOL_FINGER, BTN_TOUCH = 0x110, 0x145, 0x14A
KEYBOARD, POINTER = "keyboard", "pointer"


class Input(Record):
    """An input device that a person works with: what it is good for, and the PCI functions it hangs on (none: PS/2).
    `folders`: its own place in sysfs, or its adapters' for one of Bluetooth."""

    name: str
    uses: frozenset[str]
    functions: frozenset[Address]
    sysfs: str
    folders: tuple[str, ...] = ()


def inputs(host: Host) -> list[Input]:
    """Every keyboard and pointer; virtual ones, which a program makes from others, do not count."""
    text = host.text(DEVICES)
    blocks = text.split("\n\n") if text else [_block(host, name) for name in host.names(CLASS)]
    return [device for device in (_device(host, block) for block in blocks) if device]


def _block(host: Host, name: str) -> str:
    """An input device of the class as proc/bus/input/devices has it: a small capture has only one of the two."""
    folder = f"{CLASS}/{name}"
    if not name.startswith("input"):
        return ""
    try:
        place = host.resolve(folder).removeprefix("sys")
    except HostError:
        return ""
    about = [
        f"I: Bus={host.value(f'{folder}/id/bustype')}",
        f'N: Name="{host.value(f"{folder}/name")}"',
        f"S: Sysfs={place}",
    ]
    return "\n".join(about + [f"B: {bit.upper()}={host.value(f'{folder}/capabilities/{bit}')}" for bit in BITS])


def last(host: Host, taken: frozenset[Address]) -> list[tuple[str, Input, Address]]:
    """What would be lost with the functions `taken` and is the last of its use: (use, device, function)."""
    known = inputs(host)
    found = []
    for use in (KEYBOARD, POINTER):
        able = [device for device in known if use in device.uses]
        lost = [device for device in able if device.functions & taken]
        if lost and len(lost) == len(able):
            found += [(use, device, min(device.functions & taken)) for device in lost]
    return found


def last_usb(host: Host, usb: Sequence[UsbDevice], taken: frozenset[Address]) -> list[tuple[str, Input, UsbDevice]]:
    """The same for USB devices that are taken together with the functions: (use, input, the USB device it is of)."""
    known = inputs(host)
    found = []
    for use in (KEYBOARD, POINTER):
        able = [device for device in known if use in device.uses]
        of = {device: each for device in able for each in usb if any(map(each.carries, device.folders))}
        if of and all(device in of or device.functions & taken for device in able):
            found += [(use, device, each) for device, each in of.items()]
    return found


def _device(host: Host, block: str) -> Input | None:
    bits: dict[str, int] = {}
    name = sysfs = bus = ""
    for line in block.splitlines():
        key, _, value = line[3:].partition("=")
        if line.startswith("B:"):
            bits[key] = _bitmap(value)
        elif line.startswith("N:"):
            name = value.strip().strip('"')
        elif line.startswith("S:"):
            sysfs = value.strip()
        elif line.startswith("I:"):
            bus = value[:4].lower()
    uses = _uses(bits)
    bluetooth = bus == "0005"
    if not uses or ("/virtual/" in sysfs and not bluetooth):
        return None
    folders: tuple[str, ...] = (f"sys{sysfs}",)
    if bluetooth and not functions_of(sysfs):  # made by bluetoothd (uhid): it hangs on whatever the adapters hang on
        folders = _adapters(host)
    functions = frozenset(address for folder in folders for address in functions_of(folder))
    return Input(name or "unnamed", uses, functions, f"/sys{sysfs}", folders)


def _adapters(host: Host) -> tuple[str, ...]:
    found: list[str] = []
    try:
        for name in host.list(BLUETOOTH):
            found.append(host.resolve(f"{BLUETOOTH}/{name}"))
    except HostError:
        return tuple(found)
    return tuple(found)


def _uses(bits: dict[str, int]) -> frozenset[str]:
    def has(name: str, bit: int) -> bool:
        return bool(bits.get(name, 0) >> bit & 1)

    found = set()
    if has("EV", EV_KEY) and bits.get("KEY", 0) & TYPING == TYPING:
        found.add(KEYBOARD)
    moves = has("EV", EV_REL) and bits.get("REL", 0) & X_AND_Y == X_AND_Y and has("KEY", BTN_LEFT)
    points = has("EV", EV_ABS) and bits.get("ABS", 0) & X_AND_Y == X_AND_Y
    touches = any(has("KEY", button) for button in (BTN_LEFT, BTN_TOOL_FINGER, BTN_TOUCH))
    if moves or (points and touches):
        found.add(POINTER)
    return frozenset(found)


def _bitmap(text: str) -> int:
    """Words of 64 bits in hex, the highest first (drivers/input/input.c, input_seq_print_bitmap)."""
    value = 0
    for word in text.split():
        try:
            value = value << 64 | int(word, 16) & (1 << 64) - 1
        except ValueError:
            return 0
    return value
