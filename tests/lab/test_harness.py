"""What the other lab tests rest on: the machine boots, keeps files, sleeps, wakes and survives a power cut."""

from __future__ import annotations

import time

import pytest

from .conftest import NewMachine
from .machine import Machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

GROUP = "readlink /sys/bus/pci/devices/0000:{}/iommu_group"
ADDRESSES = ("01:00.0", "01:00.1", "02:00.0", "03:00.0")
LABEL = "cat /proc/$(pidof libvirtd)/attr/current"


def test_the_machine_of_the_article(new_machine: NewMachine) -> None:
    """One machine for all that is looked at only: IOMMU groups, drivers, AppArmor, GRUB, no KVM."""
    machine = new_machine(vdesk=False)
    assert machine.wait_settled() == "running"
    gpu, audio, usb, nic = (machine.run(GROUP.format(a)).check().out for a in ADDRESSES)
    assert gpu == audio and len({gpu, usb, nic}) == 3
    devices = machine.run("lspci -nnk", check=True).out
    assert "[1002:5046]" in devices and "[8086:293e]" in devices and "Kernel driver in use: snd_hda_intel" in devices
    machine.run("virsh -c qemu:///system version", check=True)  # the socket starts it
    assert machine.run(LABEL).out.strip("\0\n") == "libvirtd (enforce)"
    assert machine.run("dmesg | grep -c 'DMAR: Intel(R) Virtualization Technology for Directed I/O'").out == "1\n"
    assert machine.run("grub-script-check /boot/grub/grub.cfg").rc == 0
    assert machine.run("test -e /dev/kvm").rc == 1
    assert machine.run("id -un; sudo id -un", user="desk").out == "desk\nroot\n"


def test_files_and_commands(new_machine: NewMachine) -> None:
    machine = new_machine(vdesk=False)
    data = bytes(range(256)) * 5000  # more than one message
    machine.put(data, "/srv/new/file", 0o640)
    assert machine.get("/srv/new/file") == data
    assert machine.run("stat -c %a /srv/new/file").out == "640\n"
    assert machine.run("cat; echo $X >&2; exit 7", stdin=b"in", env={"X": "y"}).rc == 7
    assert machine.run("sleep 60 & sleep 60", timeout=2).rc == 124


def test_power_cut_and_states(new_machine: NewMachine) -> None:
    """A power cut keeps what was flushed, and a saved state keeps what runs."""
    machine = new_machine(vdesk=False)
    first = machine.agent.boot
    machine.run("echo kept > /root/kept; sync; echo lost > /root/lost", check=True)
    machine.crash()
    machine.start()
    assert machine.agent.boot != first
    assert machine.run("cat /root/kept").out == "kept\n"
    assert machine.run("cat /root/lost").out == ""
    machine.run("echo in-memory > /run/mark", check=True)
    second = machine.agent.boot
    machine.save("of-a-test")
    with Machine("article", state="of-a-test") as woken:
        assert woken.run("cat /run/mark").out == "in-memory\n"
        assert woken.agent.boot == second
        assert abs(int(woken.run("date +%s").out) - int(time.time())) < 5
    machine.hardware.state_file("of-a-test").unlink()
