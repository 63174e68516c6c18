"""NVIDIA's driver: services stopped, modules unloaded before its last card is taken, and all of it back.

A live machine is played by fake `modprobe` and `systemctl` on a tree that the kernel model moves drivers in."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from tests.kernel.binding import GPU, SOUND, bound, driver, given_back, planned, since, undone
from tests.kernel.pieces import function, host_of, place
from tests.machines.parts import Tree
from tests.trees import snapshot
from vdesk.host import Host
from vdesk.host.runner import LocalRunner

SECOND = "0000:02:00.0"
MODULES = ("nvidia_drm", "nvidia_modeset", "nvidia_uvm", "nvidia")
UNLOAD, LOAD = "modprobe -r " + " ".join(MODULES), "modprobe -a " + " ".join(reversed(MODULES))
STOP, START = "systemctl stop nvidia-persistenced.service", "systemctl start nvidia-persistenced.service"

ALIASES: Tree = {
    "proc/sys/kernel/osrelease": "6.12\n",
    "lib/modules/6.12/modules.alias": "alias pci:v00008086d00001234sv*sd*bc03sc00i* nvidia\n",
    "log": "",
}

MODPROBE = """#!/bin/sh
cd "{root}" || exit 1
echo "modprobe $*" >> log
[ -e broken ] && [ "$1" = -r ] && {{ rm -r sys/module/nvidia_drm; echo "FATAL: Module nvidia is in use." >&2; exit 1; }}
option=$1; shift
case $option in
vfio-pci) mkdir -p sys/bus/pci/drivers/vfio-pci;;
-r) for device in sys/bus/pci/drivers/nvidia/0000:*; do
        [ -e "$device" ] && rm "$(readlink -f "$device")/driver" "$device"
    done
    for module; do rm -r "sys/module/$module"; done
    rmdir sys/bus/pci/drivers/nvidia;;
-a) [ -d sys/module/nvidia ] && loaded=yes
    for module; do mkdir -p "sys/module/$module"; done
    [ "$loaded" ] && exit 0
    mkdir -p sys/bus/pci/drivers/nvidia
    for device in {cards}; do
        real=$(readlink -f "sys/bus/pci/devices/$device")
        [ -e "$real/driver" ] || [ "$(cat "$real/driver_override")" != "(null)" ] && continue
        ln -s ../../../bus/pci/drivers/nvidia "$real/driver"
        ln -s "../../../../devices/pci0000:00/$device" "sys/bus/pci/drivers/nvidia/$device"
    done;;
esac
"""
SYSTEMCTL = """#!/bin/sh
case $1 in
is-active) [ "$2" = nvidia-persistenced.service ] && echo active || {{ echo inactive; exit 3; }};;
*) echo "systemctl $*" >> "{root}/log";;
esac
"""


def card(address: str) -> Tree:
    alias = "pci:v00008086d00001234sv00000000sd00000000bc03sc00i00"
    return function(
        address, "030000", driver="nvidia", group=address[6:7] + "1", driver_override="(null)", modalias=alias
    )


@pytest.fixture
def played(tmp_path: pathlib.Path) -> Callable[..., Host]:
    """A machine with these NVIDIA cards beside the desktop's; the first has a sound function."""

    def make(*cards: str) -> Host:
        pieces = function(SOUND, "040300", driver="snd_hda_intel", group="01", driver_override="(null)")
        pieces |= function("0000:00:02.0", "030000", driver="i915", group="99", boot_vga="1")
        for address in cards:
            pieces |= card(address)
        pieces |= {f"sys/module/{name}/refcnt": "0\n" for name in MODULES} | ALIASES
        root = tmp_path / "root"
        host_of(root, pieces)
        programs = tmp_path / "bin"
        programs.mkdir(0o755)
        for name, text in (("modprobe", MODPROBE), ("systemctl", SYSTEMCTL)):
            (programs / name).write_text(text.format(root=root, cards=" ".join(cards)))
            (programs / name).chmod(0o755)
        return Host(str(root), LocalRunner([str(programs), "/usr/bin", "/bin"]))

    return make


def ran(host: Host) -> list[str]:
    """The commands since the last time."""
    log = pathlib.Path(host.root, "log")
    found = log.read_text().splitlines()
    log.write_text("")
    host.tree.forget()
    return found


def test_the_last_card_is_taken_and_comes_back(played: Callable[..., Host]) -> None:
    host = played(GPU)
    report = bound(host, GPU)
    assert (report.exit_code, report.errors) == (0, [])
    assert [each.summary for each in report.changes] == [
        "load vfio-pci (it stays; without a device it does nothing)",
        f"{SOUND}: snd_hda_intel -> vfio-pci",
        "stop nvidia-persistenced.service",
        f"unload the modules {', '.join(MODULES)}",
        f"{GPU}: nvidia -> vfio-pci",
    ]
    assert ran(host) == ["modprobe vfio-pci", STOP, UNLOAD]
    assert (driver(host, GPU), driver(host, SOUND)) == ("vfio-pci", "vfio-pci")
    back = undone(host)
    assert (back.exit_code, back.errors) == (0, [])
    assert ran(host) == [LOAD, START]
    assert (driver(host, GPU), driver(host, SOUND)) == ("nvidia", "snd_hda_intel")


def test_modules_that_use_the_driver_go_first_and_come_last(played: Callable[..., Host]) -> None:
    """nvidia is in use while they are there."""
    host = played(GPU)
    for name in ("nvidia_fs", "nvidia_peermem"):
        pathlib.Path(host.root, "sys/module", name).mkdir()
    assert bound(host, GPU).errors == []
    assert ran(host)[2] == UNLOAD.replace("-r ", "-r nvidia_peermem nvidia_fs ")
    assert given_back(host, GPU).errors == [] and ran(host) == [f"{LOAD} nvidia_fs nvidia_peermem", START]


def test_unbind_loads_the_driver_again(played: Callable[..., Host]) -> None:
    host = played(GPU)
    bound(host, GPU)
    ran(host)
    report = given_back(host, GPU)
    assert (report.exit_code, report.errors) == (0, [])
    assert [each["driver"] for each in report.data["devices"]] == ["nvidia", "snd_hda_intel"]
    assert ran(host) == [LOAD, START]
    assert (driver(host, GPU), driver(host, SOUND)) == ("nvidia", "snd_hda_intel")
    assert undone(host).notes == ["There is nothing to take back."]


def test_modules_that_do_not_go_put_everything_back(played: Callable[..., Host]) -> None:
    """modprobe has unloaded one of four when it fails: the way back loads all."""
    host = played(GPU)
    pathlib.Path(host.root, "broken").touch()
    report = bound(host, GPU)
    assert (report.exit_code, [each.id for each in report.errors]) == (1, ["command.failed"])
    assert "nvidia is in use" in report.errors[0].cause
    assert ran(host) == ["modprobe vfio-pci", STOP, UNLOAD, LOAD, START]
    assert (driver(host, GPU), driver(host, SOUND)) == ("nvidia", "snd_hda_intel")
    assert host.exists("sys/module/nvidia_drm")


def test_beside_another_card_the_modules_stay(played: Callable[..., Host]) -> None:
    host = played(GPU, SECOND)
    before = snapshot(host.root)
    report = bound(host, GPU)
    assert (report.exit_code, report.errors) == (0, [])
    assert ran(host) == ["modprobe vfio-pci", STOP, START]
    assert (driver(host, GPU), driver(host, SECOND)) == ("vfio-pci", "nvidia")
    assert undone(host).exit_code == 0
    assert ran(host) == [STOP, START]
    left = since(host, before)
    assert (left.added, left.removed, left.changed) == ([], [], [])


def test_both_cards_taken_one_given_back_then_the_other(played: Callable[..., Host]) -> None:
    host = played(GPU, SECOND)
    bound(host, GPU, SECOND)
    assert ran(host) == ["modprobe vfio-pci", STOP, UNLOAD]
    assert given_back(host, SECOND).exit_code == 0
    assert ran(host) == [LOAD]
    assert (driver(host, GPU), driver(host, SECOND)) == ("vfio-pci", "nvidia")
    report = given_back(host, GPU)
    assert (report.exit_code, report.errors) == (0, [])
    assert ran(host) == [LOAD, START]
    assert (driver(host, GPU), driver(host, SECOND)) == ("nvidia", "nvidia")


def test_on_a_captured_machine_the_commands_are_skipped_and_the_card_moves(tmp_path: pathlib.Path) -> None:
    pieces = card(GPU) | function("0000:00:02.0", "030000", driver="i915", group="99", boot_vga="1")
    host = host_of(tmp_path, pieces | {f"sys/module/{name}/refcnt": "0\n" for name in MODULES})
    before = snapshot(host.root)
    assert [change.kind for change in planned(host, GPU).changes] == ["command", "modules", "driver"]
    report = bound(host, GPU)
    assert [each.state for each in report.changes] == ["skipped", "skipped", "done"]
    assert driver(host, GPU) == "vfio-pci"
    assert given_back(host, GPU).data["devices"] == [{"address": GPU, "driver": "nvidia", "was": "vfio-pci"}]
    assert driver(host, GPU) == "nvidia"
    assert not since(host, before)
    assert host.exists(place(GPU))
