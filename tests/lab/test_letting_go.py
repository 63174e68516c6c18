"""Drivers that do not let go, on a real kernel: vdesk neither hangs nor loses the function; and bindings by others."""

from __future__ import annotations

import time

import pytest

from .machine import Machine
from .typed import document, driver, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

GPU, SOUND, USB = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0"
HOLD = "systemd-run --unit=holder --collect sh -c 'exec 3</dev/snd/controlC0; exec sleep 1000'"
OVERRIDE = "cat /sys/bus/pci/devices/{}/driver_override"


def wait_for_driver(machine: Machine, address: str, name: str) -> None:
    for _ in range(60):
        if driver(machine, address) == name:
            return
        time.sleep(1)
    raise AssertionError(f"{address} is not on {name}")


def test_a_held_sound_function(article: Machine) -> None:
    """Its unbind blocks in the kernel. Refused first; with --force nothing hangs, and the kernel's late answer gives
    the function back without vdesk."""
    assert driver(article, SOUND) == "snd_hda_intel"
    article.run(HOLD, check=True)
    refused = document(article, f"sudo vdesk bind {GPU} --yes", expect=3)
    assert [error["id"] for error in refused["errors"]] == ["rule.in-use"]
    assert "sleep" in refused["errors"][0]["cause"] and "/dev/snd/controlC0" in refused["errors"][0]["cause"]
    assert driver(article, SOUND) == "snd_hda_intel"

    started = time.monotonic()
    failed = document(article, f"sudo vdesk bind {GPU} --yes --force in-use", expect=1)
    assert time.monotonic() - started < 90
    assert [error["id"] for error in failed["errors"]] == ["driver.held"]
    assert article.run("ps -eo stat,args | grep '^D.*vdesk'").rc == 0, "the writer is still in the kernel"
    typed(article, "vdesk groups", expect=0)
    typed(article, f"sudo vdesk bind {USB} --yes", expect=0)  # the stuck writer holds no lock
    assert driver(article, USB) == "vfio-pci"

    article.run("systemctl stop holder", check=True)
    wait_for_driver(article, SOUND, "snd_hda_intel")
    assert article.run(OVERRIDE.format(SOUND), check=True).out == "(null)\n"
    assert article.run("ps -eo stat,args | grep '^D.*vdesk'").rc == 1
    typed(article, f"sudo vdesk bind {GPU} --yes", expect=0)
    assert [driver(article, each) for each in (GPU, SOUND)] == ["vfio-pci", "vfio-pci"]
    typed(article, "sudo vdesk undo --all --yes", expect=0)
    assert [driver(article, each) for each in (GPU, SOUND, USB)] == ["", "snd_hda_intel", "xhci_hcd"]


def test_what_others_have_bound(article: Machine) -> None:
    """By hand and by libvirt: unbind asks the kernel for the driver; undo puts vfio-pci back."""
    by_hand = f"modprobe vfio-pci; cd /sys/bus/pci; echo vfio-pci > devices/{SOUND}/driver_override"
    article.run(f"{by_hand}; echo {SOUND} > devices/{SOUND}/driver/unbind; echo {SOUND} > drivers_probe", check=True)
    article.run("virsh -c qemu:///system nodedev-detach pci_0000_02_00_0", check=True)
    assert [driver(article, each) for each in (SOUND, USB)] == ["vfio-pci", "vfio-pci"]
    given = document(article, f"sudo vdesk unbind {SOUND} {USB} --yes", expect=0)
    assert [each["driver"] for each in given["data"]["devices"]] == ["snd_hda_intel", "xhci_hcd"]
    assert [driver(article, each) for each in (SOUND, USB)] == ["snd_hda_intel", "xhci_hcd"]
    typed(article, "sudo vdesk undo --yes", expect=0)
    assert [driver(article, each) for each in (SOUND, USB)] == ["vfio-pci", "vfio-pci"]


def test_a_card_that_is_removed_while_it_is_bound(article: Machine) -> None:
    """Fallen off the bus after the binding: undo has nothing to put back, and says no error."""
    typed(article, f"sudo vdesk bind {USB} --yes", expect=0)
    article.run(f"echo 1 > /sys/bus/pci/devices/{USB}/remove", check=True)
    typed(article, f"sudo vdesk unbind {USB} --yes", expect=2)
    typed(article, "sudo vdesk undo --all --yes", expect=0)
    article.run("echo 1 > /sys/bus/pci/rescan", check=True)
    wait_for_driver(article, USB, "xhci_hcd")
