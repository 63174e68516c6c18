"""in-use below a USB controller: a camera, a serial adapter, a whole device; never a keyboard that is just there."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import function, host_of, link, place
from tests.machines.parts import Tree
from tests.unit.test_claims_holders import PASSWD, process
from vdesk.host.claims import held
from vdesk.host.pci import devices

USB, OTHER = "0000:03:00.0", "0000:04:00.0"


def plugged(address: str, port: str, number: int) -> Tree:
    """A camera, a serial adapter, a modem, a printer and a keyboard in one, at a port of a controller."""
    device = f"{place(address)}/usb{port[0]}/{port}"
    found: Tree = {f"{device}/busnum": f"{port[0]}\n", f"{device}/devnum": f"{number}\n"}
    found |= link(f"sys/bus/usb/devices/{port}", device)
    for kind, name, folder in (
        ("video4linux", f"video{number}", "video4linux/video{}"),
        ("media", f"media{number}", "media{}"),
        ("tty", f"ttyUSB{number}", "ttyUSB{0}/tty/ttyUSB{0}"),
        ("tty", f"ttyACM{number}", "tty/ttyACM{}"),
        ("usbmisc", f"cdc-wdm{number}", "usbmisc/cdc-wdm{}"),
        ("usbmisc", f"lp{number}", "usbmisc/lp{}"),
        ("usbmisc", f"hiddev{number}", "usbmisc/hiddev{}"),
        ("input", f"event{number}", "0003:1:1.1/input/input1/event{}"),
        ("hidraw", f"hidraw{number}", "0003:1:1.1/hidraw/hidraw{}"),
    ):
        place_of = f"{device}/{port}:1.0/{folder.format(number)}"
        found |= {f"{place_of}/dev": "1:1\n"} | link(f"sys/class/{kind}/{name}", place_of)
    return found


@pytest.fixture
def pieces() -> list[Tree]:
    """Two controllers with the same things on them."""
    return [
        function(USB, "0c0330", driver="xhci_hcd", group="7"),
        function(OTHER, "0c0330", driver="xhci_hcd", group="8"),
        plugged(USB, "3-1", 2),
        plugged(OTHER, "4-1", 5),
        PASSWD,
    ]


COUNTS = ("/dev/video2", "/dev/media2", "/dev/ttyUSB2", "/dev/ttyACM2", "/dev/cdc-wdm2", "/dev/usb/lp2")


@pytest.mark.parametrize("node", [*COUNTS, "/dev/bus/usb/003/002"])
def test_a_program_that_uses_it(node: str, pieces: list[Tree], tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, *pieces, process(60, "zoom", node))
    (claim,) = held(host, devices(host, names=False))
    assert claim.rule == "in-use" and str(claim.address) == USB
    assert claim.evidence == f"/proc/60/fd/3 -> {node}"


@pytest.mark.parametrize("node", ["/dev/input/event2", "/dev/hidraw2", "/dev/usb/hiddev2", "/dev/ttyS0", "/dev/video9"])
def test_what_every_desktop_has_open(node: str, pieces: list[Tree], tmp_path: pathlib.Path) -> None:
    """A keyboard is no reason to keep its controller; last-input is asked about that."""
    host = host_of(tmp_path, *pieces, process(60, "Xorg", node))
    assert held(host, devices(host, names=False)) == []


def test_a_number_that_makes_no_sense(pieces: list[Tree], tmp_path: pathlib.Path) -> None:
    pieces[2][f"{place(USB)}/usb3/3-1/devnum"] = "\xb2\n"
    host = host_of(tmp_path, *pieces, process(60, "zoom", "/dev/bus/usb/003/002"))
    assert held(host, devices(host, names=False)) == []
