"""NVIDIA's driver: services stopped, modules unloaded in order before the card moves, all of it back afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    BUS,
    CARD,
    SOUND,
    STATE,
    UUID,
    ModelMachine,
    call,
    domain,
    drivers,
    nothing,
    process,
    put,
    small,
)
from tests.machines.parts import Tree
from vdesk.libvirt_hook.machine import MOMENT_SECONDS, WHOLE_SECONDS
from vdesk.libvirt_hook.phases import release

OTHER = "0000:04:00.0"
# Programs that keep what they were told and, as the kernel would, let the driver come and go with its modules.
SYSTEMCTL = """#!/bin/sh
root=${0%/usr/sbin/systemctl}
case $1 in
is-active) cat "$root/services/$2" 2>/dev/null || { echo inactive; exit 3; } ;;
stop) echo "$@" >>"$root/ran"; echo inactive >"$root/services/$2" ;;
start) echo "$@" >>"$root/ran"; echo active >"$root/services/$2" ;;
esac
"""
MODPROBE = """#!/bin/sh
root=${0%/usr/sbin/modprobe}
echo modprobe "$@" >>"$root/ran"
device=$root/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0
word=$1; shift
case $word in
-r) test ! -e "$root/refuses" || { echo "modprobe: FATAL: Module nvidia is in use." >&2; exit 1; }
    for name; do rm -r "$root/sys/module/$name"; done
    rm "$device/driver" "$root/sys/bus/pci/drivers/nvidia/0000:01:00.0"
    rmdir "$root/sys/bus/pci/drivers/nvidia" ;;
-a) for name; do mkdir -p "$root/sys/module/$name"; done
    mkdir -p "$root/sys/bus/pci/drivers/nvidia"
    test -e "$root/lazy" || ln -s ../../../../bus/pci/drivers/nvidia "$device/driver" ;;
esac
"""
MODULES = ("nvidia", "nvidia_uvm", "nvidia_modeset", "nvidia_drm")
UNLOAD = "modprobe -r nvidia_drm nvidia_modeset nvidia_uvm nvidia"
LOAD = "modprobe -a nvidia nvidia_uvm nvidia_modeset nvidia_drm"


def nvidia(memory: Path, more: Tree | None = None) -> ModelMachine:
    """The small machine with NVIDIA's driver on its card, and nvidia-persistenced running."""
    tree = small("nvidia") | {"usr/sbin/systemctl": SYSTEMCTL, "usr/sbin/modprobe": MODPROBE}
    tree |= {f"sys/module/{name}/refcnt": "0\n" for name in MODULES}
    tree |= {"sys/module/nvidia/refcnt": "2\n", "sys/module/nvidia/holders/nvidia_modeset": None}
    tree |= {"sys/module/nvidia/holders/nvidia_uvm": None, "services/nvidia-persistenced.service": "active\n"}
    tree |= {"dev/nvidia0": "", "dev/nvidiactl": "", "dev/nvidia-uvm": ""}
    tree |= {f"proc/driver/nvidia/gpus/{CARD}/information": "Model: \t\t GeForce GTX 950\nDevice Minor: \t 0\n"}
    return ModelMachine(put(tree | (more or {}), memory))


def said(found: ModelMachine) -> list[str]:
    """What the programs were told."""
    return found.text("ran").splitlines()


def test_there_and_back(memory: Path) -> None:
    found = nvidia(memory, process(50, "nvidia-persiste", "/dev/nvidia0", "/dev/nvidiactl"))
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert said(found) == ["stop nvidia-persistenced.service", UNLOAD]
    assert drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert said(found)[2:] == [LOAD, "start nvidia-persistenced.service"]
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)


USERS: Tree = {f"sys/module/{name}/refcnt": "0\n" for name in ("nvidia_fs", "nvidia_peermem")}


def test_modules_that_use_the_driver_go_first_and_come_last(memory: Path) -> None:
    """InfiniBand's and GPUDirect Storage's: nvidia is in use while they are there."""
    found = nvidia(memory, USERS)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert said(found)[1] == UNLOAD.replace("-r ", "-r nvidia_peermem nvidia_fs ")
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert said(found)[2] == f"{LOAD} nvidia_fs nvidia_peermem"
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)


def test_one_of_them_that_does_not_come_back_keeps_no_card(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """modprobe -a goes on past it; it is told, and the hook has nothing left to give back."""
    found = nvidia(memory, USERS | {"lazy": ""})
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    fails = 'rmdir "$root/sys/module/nvidia_peermem"; echo "could not insert nvidia_peermem" >&2; exit 1'
    Path(found.place("usr/sbin/modprobe")).write_text(MODPROBE.replace('test -e "$root/lazy"', f"{fails}; true"))
    assert call(found, "release", domain(CARD, SOUND)) == 1
    assert "could not insert nvidia_peermem" in capfd.readouterr().err
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)


@pytest.mark.parametrize("node", ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/dri/card1"])
def test_a_program_on_the_card(node: str, memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Unbinding it would wait in the kernel for ever: it is named, and nothing is stopped."""
    found = nvidia(memory, process(99, "blender", node))
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    assert f"blender (pid 99, user desk) has {node} open" in capfd.readouterr().err
    assert said(found) == [] and drivers(found) == ["nvidia", "snd_hda_intel"]


def test_a_module_in_use(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = nvidia(memory, {"sys/module/nvidia_drm/refcnt": "1\n"})
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    assert "the module nvidia_drm is in use 1 times" in capfd.readouterr().err
    assert said(found) == ["stop nvidia-persistenced.service", "start nvidia-persistenced.service"]
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)


def test_modules_that_do_not_go(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = nvidia(memory, {"refuses": ""})
    assert call(found, "prepare", domain(CARD, SOUND)) == 1
    err = capfd.readouterr().err
    assert "Module nvidia is in use" in err and "Everything is as it was before." in err
    assert said(found)[-1] == "start nvidia-persistenced.service"
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)


def test_another_card_keeps_the_modules(memory: Path) -> None:
    found = nvidia(memory, {f"{BUS}/nvidia/{OTHER}": ""})
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert said(found) == ["stop nvidia-persistenced.service", "start nvidia-persistenced.service"]
    assert drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert len(said(found)) == 2 and drivers(found) == ["nvidia", "snd_hda_intel"]


def test_a_driver_that_has_to_be_asked(memory: Path) -> None:
    """Its modules were loaded for another reason meanwhile: nothing probes the card by itself."""
    found = nvidia(memory, {"lazy": ""})
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)
    assert found.text(f"sys/bus/pci/devices/{CARD}/driver_override") in ("(null)", "")


def test_started_again_before_the_driver_is_back(memory: Path) -> None:
    """The driver did not take the card again, which has none now: its own is remembered all the same."""
    found = nvidia(memory, {"lazy": ""})
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    found.faults = {"drivers_probe": nothing}
    assert call(found, "release", domain(CARD, SOUND)) == 1 and drivers(found)[0] == ""
    found.faults = {}
    assert call(found, "prepare", domain(CARD, SOUND)) == 0 and drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)


def test_a_card_that_takes_all_the_time_there_is(memory: Path) -> None:
    """The modules have time of their own to be loaded, and the services to begin."""
    found = nvidia(memory, {"lazy": ""})
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    for name, text in (("modprobe", MODPROBE), ("systemctl", SYSTEMCTL)):
        Path(found.place(f"usr/sbin/{name}")).write_text(text.replace("\ncase", "\nsleep 1\ncase"))
    found.started = time.monotonic() - 60
    begun = found.started
    release(found, UUID)
    assert drivers(found)[0] == "nvidia" and said(found)[2:] == [LOAD, "start nvidia-persistenced.service"]
    assert found.left(WHOLE_SECONDS) == MOMENT_SECONDS and found.started > begun  # and it is no time for anything else


def test_modules_that_do_not_come_back(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is left stays in the state; the next release does the rest."""
    found = nvidia(memory)
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    os.rename(found.place("usr/sbin/modprobe"), found.place("usr/sbin/modprobe.away"))
    assert call(found, "release", domain(CARD, SOUND)) == 1
    assert "the program modprobe is not installed" in capfd.readouterr().err
    assert drivers(found) == ["", "snd_hda_intel"] and found.exists(STATE)
    os.rename(found.place("usr/sbin/modprobe.away"), found.place("usr/sbin/modprobe"))
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert drivers(found) == ["nvidia", "snd_hda_intel"] and not found.exists(STATE)
