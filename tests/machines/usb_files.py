"""USB devices and the input devices they make: sysfs and /proc/bus/input/devices."""

from __future__ import annotations

from tests.machines.parts import Link, Machine, Tree, Usb
from tests.machines.pci_files import paths, relative

KEYBOARD = ("EV=120013", "KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe", "MSC=10", "LED=7")
MOUSE = ("EV=17", "KEY=ff0000 0 0 0 0", "REL=1943", "MSC=10")
BUTTON = ("EV=3", "KEY=10000000000000 0")
POWER = (
    "Power Button",
    "LNXPWRBN/button/input0",
    "/devices/LNXSYSTM:00/LNXPWRBN:00/input/input0",
    "kbd event0",
    BUTTON,
)


def _block(
    name: str, phys: str, sysfs: str, handlers: str, bits: tuple[str, ...], bus: str = "0003", ids: str = "046d:c31c"
) -> str:
    vendor, product = ids.split(":")
    lines = [
        f"I: Bus={bus} Vendor={vendor} Product={product} Version=0110",
        f'N: Name="{name}"',
        f"P: Phys={phys}",
        f"S: Sysfs={sysfs}",
        "U: Uniq=",
        f"H: Handlers={handlers} ",
        "B: PROP=0",
        *(f"B: {bit}" for bit in bits),
    ]
    return "\n".join(lines) + "\n\n"


class _Inputs:
    """Numbers inputs and events as the kernel does, and collects the text."""

    def __init__(self) -> None:
        self.text = _block(POWER[0], POWER[1], POWER[2], POWER[3], POWER[4], "0019", "0000:0001")
        self.number = 1
        self.mice = 0

    def add(self, kind: str, name: str, phys: str, parent: str, bus: str, ids: str) -> int:
        """One input device; returns its event number."""
        bits: tuple[str, ...] = KEYBOARD
        handlers = f"sysrq kbd leds event{self.number}"
        if kind == "mouse":
            handlers, bits = f"mouse{self.mice} event{self.number}", MOUSE
            self.mice += 1
        elif kind == "kbd-media":
            handlers, bits = f"kbd event{self.number}", BUTTON
        self.text += _block(name, phys, f"{parent}/input/input{self.number}", handlers, bits, bus, ids)
        self.number += 1
        return self.number - 1


def _device(tree: Tree, usb: Usb, controller: str, bus: int, number: int) -> str:
    folder = f"{controller}/usb{bus}/{usb.port}"
    vendor, product = usb.ids.split(":")
    texts = {
        "idVendor": vendor,
        "idProduct": product,
        "product": usb.product,
        "busnum": str(bus),
        "devnum": str(number),
        "bDeviceClass": "00",
    }
    for name, text in texts.items():
        tree[f"{folder}/{name}"] = text + "\n"
    tree[f"sys/bus/usb/devices/{usb.port}"] = relative(f"sys/bus/usb/devices/{usb.port}", folder)
    return folder


def _hub(tree: Tree, controller: str, bus: int) -> None:
    folder = f"{controller}/usb{bus}"
    for name, text in {
        "idVendor": "1d6b",
        "idProduct": "0002",
        "product": "xHCI Host Controller",
        "busnum": str(bus),
        "devnum": "1",
        "bDeviceClass": "09",
    }.items():
        tree[f"{folder}/{name}"] = text + "\n"
    tree[f"sys/bus/usb/devices/usb{bus}"] = relative(f"sys/bus/usb/devices/usb{bus}", folder)


def write_usb(machine: Machine, tree: Tree) -> None:
    """Every controller's root hub, the devices, and the input devices of all."""
    inputs = _Inputs()
    places = paths(machine)
    controllers = [
        each.address
        for each in machine.pci
        if each.pci_class.startswith("0c03") and each.driver not in (None, "vfio-pci")
    ]
    for bus, address in enumerate(controllers, 1):
        _hub(tree, places[address], bus)
    for number, usb in enumerate(machine.usb, 2):
        bus = controllers.index(usb.controller) + 1
        folder = _device(tree, usb, places[usb.controller], bus, number)
        for index, kind in enumerate(usb.inputs):
            parent = f"/{folder.removeprefix('sys/')}/{usb.port}:1.{index}/0003:{usb.ids.upper()}.000{number}"
            event = inputs.add(
                kind,
                usb.product,
                f"usb-{places[usb.controller].rpartition('/')[2]}-{usb.port.partition('-')[2]}/input{index}",
                parent,
                "0003",
                usb.ids,
            )
            _by_id(tree, usb, kind, event)
    if machine.ps2:
        inputs.add(
            "kbd",
            "AT Translated Set 2 keyboard",
            "isa0060/serio0/input0",
            "/devices/platform/i8042/serio0",
            "0011",
            "0001:0001",
        )
        inputs.add(
            "mouse",
            "SynPS/2 Synaptics TouchPad",
            "isa0060/serio1/input0",
            "/devices/platform/i8042/serio1",
            "0011",
            "0002:0007",
        )
    tree["proc/bus/input/devices"] = inputs.text


def _by_id(tree: Tree, usb: Usb, kind: str, event: int) -> None:
    if kind in ("kbd", "mouse"):
        name = f"usb-{usb.product.replace(' ', '_')}-event-{kind}"
        tree[f"dev/input/by-id/{name}"] = Link(f"../event{event}")
        tree[f"dev/input/event{event}"] = ""
