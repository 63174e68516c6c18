"""A newcomer: Debian without libvirt and QEMU, the package, and then only what the README and `vdesk setup` say."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from tests.test_debian_package import built

from .channel import Reply
from .conftest import NewMachine
from .debs import PLACE, shop
from .machine import Machine
from .states import OFF
from .typed import GRUB_DEFAULT, USER, booted_with, document, driver, typed

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(3600)]
CARD, SOUND = "0000:01:00.0", "0000:01:00.1"
ISO = "/var/lib/libvirt/images/lab-guest.iso"
SLOW = 2400.0
BROUGHT = "ls /usr/bin/virt-manager /usr/sbin/libvirtd /etc/libvirt/hooks/qemu.d/50-vdesk"
PERSON = "/usr/local/lib/person.py"
# What the lab's image has, and a fresh desktop has not.
LEFT_OUT = (
    "libvirt-daemon-system libvirt-daemon libvirt-clients 'libvirt-daemon-*' qemu-system-x86 qemu-utils ovmf swtpm"
    " swtpm-tools dnsmasq-base python3-libvirt python3-pyudev python3-click python3-rich driverctl"
)
SOLD = (
    *("qemu-system-x86", "libvirt-daemon-system", "libvirt-clients", "virt-manager", "ovmf", "swtpm", "swtpm-tools"),
    *("virt-viewer", "dnsmasq-base", "qemu-utils"),
    *("python3-libvirt", "python3-pyudev", "python3-click", "python3-rich", "pci.ids"),
)
DISC, PACKAGE = "/srv/discs/linux.iso", "/srv/vdesk.deb"
SETUP = (
    f"sudo vdesk setup --os linux --memory 512M --cpus 1 --disk 16M --gpu {CARD} --name hoth --iso {DISC}"
)


def sits_down(machine: Machine, command: str, *answers: tuple[str, str], expect: int = 0) -> Reply:
    """A command at a terminal of its own."""
    words = f"python3 {PERSON} {shlex.quote(json.dumps(answers))} {command}"
    return typed(machine, words, expect, SLOW)


@pytest.mark.parametrize("suite", ["trixie", "bookworm"])
def test_from_apt_install_to_the_nested_guest(new_machine: NewMachine, suite: str) -> None:
    machine = new_machine(image=suite, vdesk=False)
    machine.run(f"mkdir /srv/discs && cp {ISO} {DISC}", check=True)
    machine.run(f"DEBIAN_FRONTEND=noninteractive apt-get purge -y --autoremove {LEFT_OUT}", SLOW, check=True)
    machine.run(f"{OFF} && update-grub; gpasswd -d {USER} libvirt", SLOW)
    assert machine.run("ls /usr/sbin/libvirtd /usr/bin/qemu-system-x86_64").out == ""
    shop(machine, *SOLD)
    machine.put(built(), PACKAGE)
    machine.put(Path(__file__).with_name("guest") / "person.py", PERSON, 0o755)
    machine.reboot()
    machine.run(f"mount -r /dev/sr0 {PLACE}", check=True)
    grub = machine.get(GRUB_DEFAULT)

    typed(machine, f"sudo apt-get -y install {PACKAGE}", timeout=SLOW)
    with_it = machine.run(BROUGHT).out  # Debian 12's python3-libvirt has apt bring the daemon along
    typed(machine, "vdesk check", expect=3)
    typed(machine, "vdesk setup --dry-run")
    yes, no = ("[y/N]", "y"), ("[y/N]", "n")
    first = sits_down(machine, SETUP, yes, yes, no, yes, expect=3)  # packages, argument, not the reboot, hook
    assert "virt-manager" in first.out and "iommu" in first.out
    assert USER in machine.run("getent group libvirt").out
    machine.reboot()
    assert "intel_iommu=on" in booted_with(machine)

    second = sits_down(machine, SETUP, ("every boot too? [y/N]", "n"), yes)
    assert "vdesk start hoth" in second.out
    typed(machine, "sudo vdesk check", expect=3)  # the lab has no KVM
    typed(machine, "sudo vdesk start hoth", timeout=900)
    assert (driver(machine, CARD), driver(machine, SOUND)) == ("vfio-pci", "vfio-pci")
    typed(machine, "sudo vdesk list")
    typed(machine, "sudo vdesk stop hoth --force --yes")
    assert (driver(machine, CARD), driver(machine, SOUND)) == ("", "snd_hda_intel")
    assert document(machine, "sudo vdesk list")["data"]["machines"][0]["state"] == "shut off"
    sits_down(machine, "sudo vdesk undo --all", ("[y/N]", "y"))
    assert machine.get(GRUB_DEFAULT) == grub
    assert machine.run(BROUGHT).out == with_it
    assert USER not in machine.run("getent group libvirt kvm").out
