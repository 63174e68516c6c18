"""in-use: who has a device's nodes open, and what else keeps its driver from letting go."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import function, host_of, link, place
from tests.machines.builder import build
from tests.machines.parts import Link, Tree
from vdesk.host import Host, captured
from vdesk.host.claims import claims, held
from vdesk.host.holders import holding
from vdesk.host.pci import devices

GPU, SOUND, OTHER, DISK = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.0"


def process(pid: int, comm: str, *nodes: str) -> Tree:
    found: Tree = {f"proc/{pid}/comm": f"{comm}\n", f"proc/{pid}/cmdline": f"/usr/bin/{comm}\0"}
    found[f"proc/{pid}/status"] = f"Name:\t{comm}\nUid:\t1000\t1000\t1000\t1000\n"
    return found | {f"proc/{pid}/fd/{number}": Link(node) for number, node in enumerate(nodes, 3)}


def card(driver: str = "nouveau", **more: str) -> Tree:
    found = function(GPU, "030000", driver=driver, group="7", **more)
    found |= function(SOUND, "040300", driver="snd_hda_intel", group="7")
    for name in ("card1", "renderD129"):
        found |= {f"{place(GPU)}/drm/{name}/dev": "226:1\n"}
        found |= link(f"sys/class/drm/{name}", f"{place(GPU)}/drm/{name}")
    for name in ("controlC1", "pcmC1D3p", "card1"):
        found |= {f"{place(SOUND)}/sound/card1/{name}/dev": "116:1\n"}
        found |= link(f"sys/class/sound/{name}", f"{place(SOUND)}/sound/card1/{name}")
    return found


PASSWD: Tree = {"etc/passwd": "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n"}


def who(host: Host) -> list[str]:
    found = holding(host, devices(host, names=False)).holders
    return [f"{each.command} {each.pid} {each.user} {each.node} {each.address}" for each in found]


def test_nodes_of_the_card_by_process(tmp_path: pathlib.Path) -> None:
    host = host_of(
        tmp_path,
        card(),
        PASSWD,
        process(10, "gnome-shell", "/dev/dri/card0", "/dev/dri/card1", "/dev/dri/card1"),
        process(11, "wireplumber", "/dev/snd/controlC1", "/dev/snd/controlC0", "/dev/snd/seq"),
        process(12, "cat", "/dev/null", "socket:[77]"),
    )
    assert who(host) == [
        f"gnome-shell 10 ann /dev/dri/card1 {GPU}",
        f"wireplumber 11 ann /dev/snd/controlC1 {SOUND}",
    ]
    found = held(host, devices(host, names=False))
    assert [(each.rule, each.evidence) for each in found] == [
        ("in-use", "/proc/10/fd/4 -> /dev/dri/card1"),
        ("in-use", "/proc/11/fd/3 -> /dev/snd/controlC1"),
    ]
    assert found[0].reason == "gnome-shell (pid 10, user ann) has /dev/dri/card1 open"
    assert "log out" in found[0].remedy and "sound server" in found[1].remedy


def test_a_function_without_driver_has_no_nodes(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, function(GPU, "030000"), process(10, "x", "/dev/dri/card1"))
    assert who(host) == []


def test_a_disk_read_past_the_filesystem(tmp_path: pathlib.Path) -> None:
    """A virtual machine with a whole disk: nothing is mounted, and it is in use all the same."""
    folder = f"{place(DISK)}/nvme/nvme0/nvme0n1"
    disk: Tree = {f"{folder}/dev": "259:0\n", **link("sys/class/block/nvme0n1", folder)}
    host = host_of(tmp_path, function(DISK, driver="nvme"), disk, process(9, "qemu-system-x86", "/dev/nvme0n1"))
    assert who(host) == [f"qemu-system-x86 9 1000 /dev/nvme0n1 {DISK}"]


def nvidia(minor: str = "0") -> Tree:
    more: Tree = (
        {f"proc/driver/nvidia/gpus/{GPU}/information": f"Model: X\nDevice Minor: \t {minor}\n"} if minor else {}
    )
    modules: Tree = {}
    for name, refcnt, users in (("nvidia", "3", ("nvidia_modeset",)), ("nvidia_modeset", "1", ("nvidia_drm",))):
        modules |= {f"sys/module/{name}/refcnt": f"{refcnt}\n"}
        modules |= {f"sys/module/{name}/holders/{user}/x": "" for user in users}
    modules["sys/module/nvidia_drm/refcnt"] = "0\n"
    return card("nvidia") | more | modules


ALL_NODES = ("/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-modeset")
SECOND = function(OTHER, "030000", driver="nvidia", group="8")

NVIDIA: dict[str, tuple[Tree, list[str]]] = {
    "its own node and the driver's": (nvidia(), ["nvidia-modeset", "nvidia-uvm", "nvidia0", "nvidiactl"]),
    "beside another card only its own": (nvidia("1") | SECOND, ["nvidia1"]),
    "a driver that does not tell: every card's": (nvidia("") | SECOND, ["nvidia0", "nvidia1"]),
}


@pytest.mark.parametrize("name", NVIDIA)
def test_nvidia_nodes(name: str, tmp_path: pathlib.Path) -> None:
    pieces, expected = NVIDIA[name]
    host = host_of(tmp_path, pieces, process(20, "Xorg", *ALL_NODES))
    card = [device for device in devices(host, names=False) if str(device.address) == GPU]
    assert [each.node.removeprefix("/dev/") for each in holding(host, card).holders] == expected


def test_services_that_bind_stops_are_no_reason_to_refuse(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, nvidia(), process(30, "nvidia-persiste", "/dev/nvidia0", "/dev/nvidiactl"))
    assert len(who(host)) == 2
    assert held(host, devices(host, names=False)) == []


def test_modules_that_somebody_unseen_uses(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, nvidia() | {"sys/module/nvidia_drm/refcnt": "1\n"})
    assert [each.evidence for each in held(host, devices(host, names=False))] == [
        "/sys/module/nvidia_drm/refcnt: 1 beside its modules"
    ]


def test_virtual_functions(tmp_path: pathlib.Path) -> None:
    host = captured(str(build("sriov", tmp_path)))
    found = [each for each in claims(host, devices(host, names=False)) if "virtual" in each.reason]
    assert [(str(each.address), each.evidence) for each in found] == [
        ("0000:02:00.0", "/sys/bus/pci/devices/0000:02:00.0/sriov_numvfs: 2")
    ]


@pytest.mark.parametrize("node", ["/dev/vfio/7", "/dev/vfio/devices/vfio0"])
def test_a_running_machine_holds_the_group(node: str, tmp_path: pathlib.Path) -> None:
    own: Tree = {f"{place(GPU)}/vfio-dev/vfio0/dev": "511:0\n"}
    host = host_of(tmp_path, card("vfio-pci"), own, process(40, "qemu-system-x86", "/dev/vfio/vfio", node))
    card_alone = [device for device in devices(host, names=False) if device.is_vfio]
    assert [each.reason for each in held(host, card_alone)] == [f"qemu-system-x86 (pid 40, user 1000) has {node} open"]
    assert claims(host, card_alone) == [], "what vfio-pci has is not the host's any more"


def test_processes_that_may_not_be_looked_into_are_counted(tmp_path: pathlib.Path) -> None:
    pieces = card() | process(50, "sshd", "/dev/null") | process(51, "kworker", "/dev/null")
    pieces["proc/51/cmdline"] = ""
    pieces["run/vdesk/machine.json"] = '{"unreadable": ["proc/50/fd", "proc/51/fd"]}'
    host = host_of(tmp_path, pieces)
    assert holding(host, devices(host, names=False)) == ((), 1)
    pieces["run/vdesk/machine.json"] = '{"unreadable": ["proc/50"]}'
    assert holding(host_of(tmp_path / "a", pieces), devices(host, names=False)) == ((), 1)
    pieces["run/vdesk/machine.json"] = '{"unreadable": ["proc"]}'
    assert holding(host_of(tmp_path / "b", pieces), devices(host, names=False)) == ((), 1)
