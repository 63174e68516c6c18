"""--usb: what the host needs of a USB device, ids that two devices have, and devices that are not plugged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.kernel.pieces import disk, link, mount
from tests.machines.builder import build, put
from tests.machines.parts import Tree
from tests.unit.scenes import Edits, changed
from tests.unit.test_claims_inputs import TYPES, entry
from tests.unit.vm_cases import in_memory
from vdesk.host import Host
from vdesk.host.runner import LocalRunner
from vdesk.model.errors import Problem, Refused
from vdesk.plans.vm_preflight import preflight
from vdesk.vm.defined import read_defined

CREATE = ["create", "hoth", "--os", "win10", "--iso", "/srv/win10.iso", "--virtio-iso", "/srv/virtio.iso"]
BUS = "sys/devices/pci0000:00/0000:00:14.0/usb1"
KEYBOARD, MOUSE, STICK, ADAPTER, RECEIVER = "046d:c31c", "046d:c077", "0781:5581", "0bda:8153", "0a12:0001"
INPUTS = "proc/bus/input/devices"


def device(port: str, ids: str, kind: str, name: str = "Thing") -> Tree:
    """A USB device with one interface, as the kernel lays it out."""
    vendor, product = ids.split(":")
    folder = f"{BUS}/{port}"
    found: Tree = {f"{folder}/idVendor": f"{vendor}\n", f"{folder}/idProduct": f"{product}\n"}
    found |= {f"{folder}/product": f"{name}\n", f"{folder}/{port}:1.0/bInterfaceClass": f"{kind}\n"}
    return found | link(f"sys/bus/usb/devices/{port}", folder)


PLUGGED = (
    device("1-6", STICK, "08", "Stick")
    | disk("sdz", "65:144", f"{BUS}/1-6/1-6:1.0/host9/target9:0:0/9:0:0:0", sdz1="65:145")
    | device("1-7", ADAPTER, "ff", "USB LAN")
    | {f"{BUS}/1-7/1-7:1.0/net/enx0/address": "\n"}
    | link("sys/class/net/enx0", f"{BUS}/1-7/1-7:1.0/net/enx0")
    | device("1-8", RECEIVER, "e0", "Bluetooth")
    | {f"{BUS}/1-8/1-8:1.0/bluetooth/hci0/uevent": "\n"}
    | link("sys/class/bluetooth/hci0", f"{BUS}/1-8/1-8:1.0/bluetooth/hci0")
)
UHID = "/devices/virtual/misc/uhid/0005:046D:B342.0003/input/input21"
ROUTE = "Iface Destination Gateway Flags RefCnt Use Metric Mask\n{} 00000000 010200C0 0003 0 0 100 00000000\n"
SWAPS = "Filename Type Size Used Priority\n/dev/sdz1 partition 1 0 -2\n"


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """debian with a stick, a network adapter and a Bluetooth receiver at USB ports."""
    for folder in in_memory():
        found = build("debian", folder / "debian")
        for path, content in {**PLUGGED, "srv/win10.iso": "", "srv/virtio.iso": ""}.items():
            put(found, path, content)
        yield found


def text(root: Path, path: str) -> str:
    return (root / path).read_text(encoding="utf-8")


def edits(root: Path, name: str) -> Edits:
    """A change of debian by its name."""
    others = entry("Other keys", TYPES, "/devices/platform/i8042/serio0/input/input9", "0011")
    blocks = text(root, INPUTS).split("\n\n")
    bluetooth = entry("BT keys", TYPES, UHID, "0005")
    mounted = text(root, "proc/self/mountinfo") + mount("65:145", "/media/stick", "/dev/sdz1")
    return {
        "": {},
        "another keyboard": {INPUTS: text(root, INPUTS) + others},
        "its keyboard is Bluetooth's": {INPUTS: "\n\n".join(b for b in blocks if "Keyboard" not in b) + bluetooth},
        "mounted": {"proc/self/mountinfo": mounted},
        "swap": {"proc/swaps": SWAPS},
        "the way out": {"proc/net/route": ROUTE.format("enx0")},
        "another way out": {"proc/net/route": ROUTE.format("enp1s0")},
    }[name]


# ids, what is changed on the machine, the rules that refuse
TABLE = [
    ([KEYBOARD], "", ["last-input"]),
    ([MOUSE], "", ["last-input"]),
    ([KEYBOARD, MOUSE, KEYBOARD], "", ["last-input"]),
    ([KEYBOARD], "another keyboard", []),
    ([KEYBOARD.upper()], "", ["last-input"]),
    ([RECEIVER], "", []),
    ([RECEIVER], "its keyboard is Bluetooth's", ["last-input"]),
    ([STICK], "", []),
    ([STICK], "mounted", ["root-disk"]),
    ([STICK], "swap", ["root-disk"]),
    ([ADAPTER], "", []),
    ([ADAPTER], "the way out", ["host-network"]),
    ([ADAPTER], "another way out", []),
    ([STICK, MOUSE], "mounted", ["root-disk", "last-input"]),
]


@pytest.mark.parametrize(("usb", "change", "rules"), TABLE)
@pytest.mark.parametrize("more", [("--print-xml",), ("--yes", "--dry-run")])
def test_what_the_host_needs(usb: list[str], change: str, rules: list[str], more: tuple[str, ...], root: Path) -> None:
    given = [word for each in usb for word in ("--usb", each)]
    with changed(root, edits(root, change)):
        ran = on(root, *CREATE, *given, *more, "--json")
        assert ran.errors == [f"rule.{rule}" for rule in rules] and ran.code == (3 if rules else 0), ran.out
        if rules == ["last-input"]:
            forced = on(root, *CREATE, *given, *more, "--json", "--force", "last-input")
            assert forced.code == 0 and any("overridden" in each for each in forced.envelope["data"]["warnings"])
        if "root-disk" in rules:
            assert on(root, *CREATE, *given, *more, "--json", "--force", "root-disk").errors == ["usage.force"]


def test_a_keyboard_and_the_controller_of_the_other(root: Path) -> None:
    """Each alone leaves one with the host."""
    other = "/devices/pci0000:00/0000:00:1c.0/0000:02:00.0/usb3/3-1/3-1:1.0/input/input31"
    with changed(root, {INPUTS: text(root, INPUTS) + entry("Keys", TYPES, other)}):
        assert on(root, *CREATE, "--device", "02:00.0", "--print-xml", "--json").code == 0
        assert on(root, *CREATE, "--usb", KEYBOARD, "--print-xml", "--json").code == 0
        both = on(root, *CREATE, "--device", "02:00.0", "--usb", KEYBOARD, "--print-xml", "--json")
        assert both.errors == ["rule.last-input"] and "1-3" in both.envelope["errors"][0]["what"]


def test_two_devices_with_the_same_ids(root: Path) -> None:
    """libvirt would refuse the start: `Multiple USB devices for ..., use <address> to specify one`."""
    second = device("1-9", STICK, "08", "Stick")
    with changed(root, {path: content for path, content in second.items() if isinstance(content, str)}):
        ran = on(root, *CREATE, "--usb", STICK, "--print-xml", "--json")
        assert (ran.errors, ran.code) == (["vm.which-usb"], 2)
        assert "1-6, 1-9" in ran.envelope["errors"][0]["what"]
        assert told(root, STICK)[0].id == "vm.which-usb"
        assert not told(root, STICK, "<address bus='1' device='6'/>")


def test_what_is_not_plugged_in(root: Path) -> None:
    ran = on(root, *CREATE, "--usb", "1234:5678", "--print-xml", "--json")
    assert [each for each in ran.envelope["data"]["warnings"] if "1234:5678" in each and "not plugged in" in each]
    assert 'startupPolicy="optional"' in ran.envelope["data"]["xml"]
    with changed(root, {"sys/bus/usb/devices": None}):
        unknown = on(root, *CREATE, "--usb", "1234:5678", "--print-xml", "--json")
        assert not [each for each in unknown.envelope["data"]["warnings"] if "plugged" in each], "nobody can tell"


def test_what_may_not_be_read_is_not_free(root: Path) -> None:
    unread = '{"unreadable": ["proc/self/mountinfo", "proc/1/mountinfo", "proc/mounts", "proc/self/mounts"]}'
    with changed(root, {"run/vdesk/machine.json": unread}):
        ran = on(root, *CREATE, "--usb", STICK, "--gpu", "none", "--print-xml", "--json")
        assert ran.errors == ["rule.root-disk"] and "could not be read" in ran.envelope["errors"][0]["cause"]
        assert on(root, *CREATE, "--usb", ADAPTER, "--gpu", "none", "--print-xml", "--json").code == 0


# --- at the start


def told(root: Path, ids: str, address: str = "", force: tuple[str, ...] = ()) -> list[Problem]:
    """Why a machine with the device would not be started."""
    vendor, product = (f"0x{each}" for each in ids.split(":"))
    found = read_defined(
        "<domain type='kvm'><name>hoth</name><memory unit='MiB'>64</memory><devices><hostdev type='usb'>"
        f"<source><vendor id='{vendor}'/><product id='{product}'/>{address}</source></hostdev></devices></domain>"
    )
    try:
        preflight(Host(str(root), LocalRunner()), found, force)
    except Refused as refused:
        return list(refused.problems)
    return []


def test_a_start_looks_too(root: Path) -> None:
    assert [each.id for each in told(root, MOUSE)] == ["rule.last-input"]
    assert not told(root, MOUSE, force=("last-input",))
    assert not told(root, "1234:5678")
    assert not told(root, STICK)
    with changed(root, edits(root, "mounted")):
        assert [each.id for each in told(root, STICK, force=("last-input",))] == ["rule.root-disk"]
