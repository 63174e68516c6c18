"""A rule whose files could not be read refuses what it would have asked about: unknown is not unused."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.kernel.pieces import MOUNTINFO, disk, function, host_of, link, mount, place
from tests.machines.parts import Tree
from tests.unit.test_claims_network import HEAD, ROUTE, ROUTE6, nic, v4, v6
from vdesk.host import Host
from vdesk.host.claims import blockers, claims
from vdesk.host.network import routes
from vdesk.host.pci import devices
from vdesk.host.usb import usb_devices
from vdesk.host.usb_claims import usb_claims

NIC, NVME, USB, EMPTY, CARD = (f"0000:{number:02}:00.0" for number in range(1, 6))
STICK = f"{place(USB)}/usb3/3-1"
FUNCTIONS = (
    function(NIC, "020000", driver="e1000e", group="1")
    | function(NVME, "010802", driver="nvme", group="2")
    | function(USB, "0c0330", driver="xhci_hcd", group="3")
    | function(EMPTY, "0c0330", driver="xhci_hcd", group="4")
    | function(CARD, "080501", driver="sdhci-pci", group="5")
)
DISKS: Tree = (
    disk("nvme0n1", "259:0", f"{place(NVME)}/nvme/nvme0")
    | disk("sda", "8:0", f"{STICK}/3-1:1.0/host4/target4:0:0/4:0:0:0")
    | disk("mmcblk0", "179:0", f"{place(CARD)}/mmc_host/mmc0/mmc0:0001")
    | link("sys/bus/usb/devices/3-1", STICK)
    | link("sys/bus/usb/devices/3-1:1.0", f"{STICK}/3-1:1.0")
    | {f"{STICK}/3-1:1.0/bInterfaceClass": "08\n", f"{STICK}/idVendor": "0781\n", f"{STICK}/idProduct": "5567\n"}
)
MOUNTED: Tree = {MOUNTINFO: mount("0:20", "/proc", "proc", "proc")}
ROUTED: Tree = {ROUTE: HEAD + v4("eth0")}
INPUTS: Tree = {"proc/bus/input/devices": "I: Bus=0019\n\n"}
TABLES = ("proc/self/mountinfo", "proc/1/mountinfo", "proc/mounts", "proc/self/mounts")
BASE: Tree = FUNCTIONS | DISKS | INPUTS


def unreadable(*paths: str) -> Tree:
    """What a capture says that it could not read."""
    return {"run/vdesk/machine.json": json.dumps({"unreadable": paths})}


def kept(host: Host) -> dict[str, list[str]]:
    """Rule -> the functions that it keeps."""
    found: dict[str, list[str]] = {}
    for claim in claims(host, devices(host, names=False)):
        found.setdefault(claim.rule, []).append(str(claim.address))
    return found


ON_DISKS = [NVME, USB, CARD]
WAYS: dict[str, tuple[Tree, dict[str, list[str]]]] = {
    "all is told": (MOUNTED | ROUTED | nic("eth0", NIC), {"host-network": [NIC]}),
    "no mounts to be read": (MOUNTED | unreadable(*TABLES), {"root-disk": ON_DISKS}),
    "no mounts there": ({}, {}),
    "one table of mounts is enough": (MOUNTED | unreadable(*TABLES[1:]), {}),
    "no swap to be read": (MOUNTED | {"proc/swaps": "x\n"} | unreadable("proc/swaps"), {"root-disk": ON_DISKS}),
    "no disks to be read": (
        unreadable("sys/block", "sys/class/block", "sys/dev/block", "sys/bus/usb/devices")
        | {MOUNTINFO: mount("259:0", "/", "/dev/nvme0n1")},
        {"root-disk": [NVME, USB, EMPTY, CARD]},
    ),
    "no interfaces to be read": (
        MOUNTED | ROUTED | unreadable("sys/class/net"),
        {"host-network": [NIC]},
    ),
    "no interfaces to be read, but those of the functions": (
        MOUNTED | ROUTED | {f"{place(USB)}/net/eth0/ifindex": "2\n"} | unreadable("sys/class/net"),
        {"host-network": [USB]},
    ),
    "no routes of IPv6 to be read": (
        MOUNTED | {ROUTE: HEAD, ROUTE6: v6("eth0")} | unreadable(ROUTE6),
        {"host-network": [NIC]},
    ),
    "a tunnel that could be told": (
        MOUNTED | nic("tun0") | nic("eth0", NIC) | {ROUTE: HEAD + v4("tun0", 50) + v4("eth0")},
        {"host-network": [NIC]},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_ways(way: str, tmp_path: pathlib.Path) -> None:
    more, expected = WAYS[way]
    assert kept(host_of(tmp_path, BASE, more)) == expected


def test_a_group_of_what_is_not_known_cannot_be_handed_over(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, BASE, ROUTED, unreadable("sys/class/net", *TABLES))
    assert sorted(blockers(host, devices(host, names=False))) == [1, 2, 3, 5]


def test_what_the_claim_says(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, BASE, MOUNTED, ROUTED, unreadable("sys/class/net"))
    (claim,) = claims(host, devices(host, names=False))
    assert claim.reason == "it could not be told where the default route goes: /sys/class/net/eth0 could not be read"
    assert claim.evidence == "/sys/class/net/eth0" and "as root" in claim.remedy


@pytest.mark.parametrize("folder", [place(NIC), f"{place(NIC)}/virtio3"])
def test_an_interface_that_only_its_function_has(folder: str, tmp_path: pathlib.Path) -> None:
    """A small capture without sys/class/net."""
    host = host_of(tmp_path, BASE, MOUNTED, ROUTED, {f"{folder}/net/eth0/ifindex": "2\n"})
    assert [route.functions for route in routes(host)] == [frozenset(each.address for each in devices(host)[:1])]
    assert kept(host) == {"host-network": [NIC]}


def test_a_network_adapter_on_a_usb_controller(tmp_path: pathlib.Path) -> None:
    adapter = f"{STICK}/3-1:1.0/net/eth0"
    more = {f"{adapter}/ifindex": "2\n"} | link("sys/class/net/eth0", adapter)
    host = host_of(tmp_path, BASE, MOUNTED, more, ROUTED, unreadable(ROUTE))
    assert kept(host) == {"host-network": [NIC, USB]}


def test_a_usb_disk_that_may_be_mounted(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, BASE, ROUTED, unreadable(*TABLES))
    (claim,) = usb_claims(host, usb_devices(host), frozenset())
    assert claim.rule == "root-disk" and claim.evidence == "/proc/self/mountinfo"
