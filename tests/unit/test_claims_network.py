"""host-network: the default route, down to the PCI function that carries it."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import function, host_of, link, place
from tests.machines.parts import Tree
from vdesk.host.claims import claims
from vdesk.host.pci import devices

A, B = "0000:01:00.0", "0000:02:00.0"
HEAD = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
ROUTE, ROUTE6 = "proc/net/route", "proc/net/ipv6_route"


def nic(name: str, address: str = "") -> Tree:
    folder = f"{place(address)}/net/{name}" if address else f"sys/devices/virtual/net/{name}"
    found: Tree = {f"{folder}/ifindex": "2\n", **link(f"sys/class/net/{name}", folder)}
    return found | (link(f"{folder}/device", place(address)) if address else {})


def lower(upper: str, name: str, address: str) -> Tree:
    return link(f"sys/devices/virtual/net/{upper}/lower_{name}", f"{place(address)}/net/{name}")


def v4(interface: str, metric: int = 100, destination: str = "00000000", flags: str = "0003") -> str:
    return f"{interface}\t{destination}\t0101A8C0\t{flags}\t0\t0\t{metric}\t00000000\t0\t0\t0\n"


def v6(interface: str, metric: str = "00000400", flags: str = "00450003") -> str:
    none = "0" * 32
    return f"{none} 00 {none} 00 fe800000000000000000000000000001 {metric} 00000001 00000000 {flags}   {interface}\n"


BASE = function(A, "020000") | function(B, "028000") | nic("eth0", A) | nic("wlan0", B) | nic("lo")

WAYS: dict[str, tuple[Tree, list[str]]] = {
    "direct": ({ROUTE: HEAD + v4("eth0")}, [A]),
    "the better of two": ({ROUTE: HEAD + v4("eth0", 600) + v4("wlan0", 100)}, [B]),
    "two as good as each other": ({ROUTE: HEAD + v4("eth0") + v4("wlan0")}, [A, B]),
    "another network's route": ({ROUTE: HEAD + v4("eth0", destination="0001A8C0")}, []),
    "IPv6 alone": ({ROUTE: HEAD, ROUTE6: v6("eth0")}, [A]),
    "IPv6 elsewhere than IPv4": ({ROUTE: HEAD + v4("eth0"), ROUTE6: v6("wlan0")}, [A, B]),
    "the unreachable route of the kernel": ({ROUTE6: v6("lo", "ffffffff", "00200200")}, []),
    "a rejecting route of IPv6": ({ROUTE6: v6("eth0", flags="00200200")}, []),
    "a rejecting route": ({ROUTE: HEAD + v4("eth0", flags="0201")}, []),
    "a tunnel, and what carries it": (nic("tun0") | {ROUTE: HEAD + v4("tun0", 50) + v4("eth0", 100)}, [A]),
    "a bridge": (
        nic("br0") | link("sys/devices/virtual/net/br0/brif/eth0", f"{place(A)}/net/eth0") | {ROUTE: HEAD + v4("br0")},
        [A],
    ),
    "a bond by its list": (
        nic("bond0") | {"sys/devices/virtual/net/bond0/bonding/slaves": "eth0 wlan0\n", ROUTE: HEAD + v4("bond0")},
        [A, B],
    ),
    "a VLAN on a bridge on a bond": (
        nic("br0.7")
        | nic("br0")
        | nic("bond0")
        | {
            "proc/net/vlan/br0.7": "br0.7  VID: 7\nDevice: br0\n",
            "sys/devices/virtual/net/bond0/bonding/slaves": "wlan0\n",
            ROUTE: HEAD + v4("br0.7"),
        }
        | link("sys/devices/virtual/net/br0/lower_bond0", "sys/devices/virtual/net/bond0"),
        [B],
    ),
    "a macvlan": (nic("mac0") | lower("mac0", "eth0", A) | {ROUTE: HEAD + v4("mac0")}, [A]),
    "a port of Open vSwitch": (
        nic("br-ex") | nic("ovs-system") | lower("ovs-system", "eth0", A) | {ROUTE: HEAD + v4("br-ex")},
        [A],
    ),
    "interfaces in a circle": (
        nic("a0")
        | nic("b0")
        | link("sys/devices/virtual/net/a0/lower_b0", "sys/devices/virtual/net/b0")
        | link("sys/devices/virtual/net/b0/lower_a0", "sys/devices/virtual/net/a0")
        | {ROUTE: HEAD + v4("a0")},
        [],
    ),
    "a tethered phone, through the USB controller": (
        link("sys/class/net/usb0", f"{place(B)}/usb1/1-2/1-2:1.0/net/usb0")
        | {f"{place(B)}/usb1/1-2/1-2:1.0/net/usb0/ifindex": "9\n", ROUTE: HEAD + v4("usb0")},
        [B],
    ),
    "an interface that is gone": ({ROUTE: HEAD + v4("eth9")}, []),
    "a table of nonsense": ({ROUTE: "\0\n a b\n", ROUTE6: "x y\n"}, []),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways_down(way: str, tmp_path: pathlib.Path) -> None:
    more, expected = WAYS[way]
    host = host_of(tmp_path, BASE, more)
    found = [each for each in claims(host, devices(host, names=False)) if each.rule == "host-network"]
    assert sorted(str(each.address) for each in found) == expected
