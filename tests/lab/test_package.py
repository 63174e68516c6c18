"""The Debian package on a machine: installed, used, removed and purged, and nothing of it is left."""

from __future__ import annotations

import pytest

from tests.test_debian_package import PLACES, built

from .conftest import NewMachine
from .machine import Machine
from .typed import GRUB_DEFAULT, document, driver, own_files, typed

CARD, SOUND = "0000:01:00.0", "0000:01:00.1"
ISO = "/var/lib/libvirt/images/lab-guest.iso"
DISK = "/var/lib/libvirt/images/hoth.img"
CREATE = f"vdesk create hoth --iso {ISO} --os linux --gpu 01:00.0 --memory 512M --cpus 1 --disk 16M"
HOOK = "/etc/libvirt/hooks/qemu.d/50-vdesk"
SLOW = 1800.0  # update-initramfs on emulated processors
# What a package brings, or vdesk makes, by name; dpkg's own log is none of it.
NAMED = "find / -xdev \\( -path /tmp -o -path /run -o -path /var/log/apt \\) -prune -o -name '*vdesk*' -print | sort"


def install(machine: Machine) -> None:
    """As a person does it; the machine has what the package depends on, and no way out."""
    typed(machine, "sudo apt-get -qq -y install /tmp/vdesk.deb", timeout=SLOW)
    assert typed(machine, "vdesk --version").out.startswith("vdesk ")


def fresh(new_machine: NewMachine, image: str) -> Machine:
    """A machine without vdesk, the package in its /tmp."""
    machine = new_machine(vdesk=False, image=image)
    machine.put(built(), "/tmp/vdesk.deb")
    # What the image's maker generated elsewhere, this machine generates anew: vdesk's is compared with its own.
    machine.run("cp /boot/grub/grub.cfg /tmp; update-grub; diff /tmp/grub.cfg /boot/grub/grub.cfg", SLOW)
    machine.run("cp /boot/grub/grub.cfg /tmp", check=True)
    return machine


def without_images(files: list[str]) -> list[str]:
    """The initramfs images are built anew, and hold other times."""
    return [line for line in files if "/boot/initrd" not in line]


def given_back(machine: Machine, files: list[str], named: str) -> None:
    """No file differs from before, and none is left."""
    assert machine.run("diff /tmp/grub.cfg /boot/grub/grub.cfg").out == ""
    assert without_images(own_files(machine)) == without_images(files)
    assert machine.run(NAMED).out == named
    assert machine.run("ls -d /run/vdesk /etc/vdesk /var/lib/vdesk /var/log/vdesk").out == ""


@pytest.mark.lab_long
@pytest.mark.timeout(2400)
def test_removed_and_come_back(new_machine: NewMachine) -> None:
    """A removal takes away what would go on working; settings stay, also for the package that comes back, until a
    purge. While a machine has devices from the hook, that stays too."""
    machine = fresh(new_machine, "trixie")
    files, named, grub = own_files(machine), machine.run(NAMED).out, machine.get(GRUB_DEFAULT)
    install(machine)
    assert all(machine.run(f"test -s /usr/share/{path}").rc == 0 for path in PLACES.values())
    assert document(machine, "vdesk check", expect=3)["command"] == "check"
    typed(machine, "sudo vdesk iommu enable --pt --yes", timeout=SLOW)
    typed(machine, "sudo vdesk hook install --yes")
    typed(machine, f"sudo vdesk bind {CARD} --yes")
    set_to = machine.get(GRUB_DEFAULT)
    typed(machine, "sudo apt-get -y remove vdesk", timeout=SLOW)
    assert machine.run(f"test -e {HOOK}").rc == 1 and machine.get(GRUB_DEFAULT) == set_to != grub
    assert (driver(machine, CARD), driver(machine, SOUND)) == ("", "snd_hda_intel")

    install(machine)
    assert machine.run("ls /var/lib/vdesk").out.split() == ["journal", "lock"]
    typed(machine, "sudo vdesk hook install --yes")
    typed(machine, "sudo apt-get -qq -y install --reinstall /tmp/vdesk.deb", timeout=SLOW)
    assert machine.run(f"test -x {HOOK}").rc == 0, "an upgrade changes nothing"
    machine.run("mkdir -p /run/vdesk/hook && echo '{}' > /run/vdesk/hook/6f2b8f8e.json", check=True)
    said = typed(machine, "sudo apt-get -y remove vdesk", timeout=SLOW)
    assert "has taken devices" in said.out + said.err and "install vdesk again" in said.out + said.err
    assert machine.run(f"test -x {HOOK}").rc == 0
    machine.run("rm -r /run/vdesk", check=True)

    install(machine)
    typed(machine, "sudo apt-get -y purge vdesk", timeout=SLOW)
    assert machine.get(GRUB_DEFAULT) == grub
    given_back(machine, files, named)


def purged(new_machine: NewMachine, image: str) -> None:
    """All that vdesk can change by itself is in force at the purge; a virtual machine and its disk are a person's."""
    machine = fresh(new_machine, image)
    files, named = own_files(machine), machine.run(NAMED).out
    install(machine)
    assert document(machine, "sudo vdesk check", expect=3)["data"]["iommu"].startswith("on")
    typed(machine, "sudo vdesk iommu enable --pt --yes", timeout=SLOW)
    typed(machine, "sudo vdesk hook install --yes")
    typed(machine, "sudo vdesk hook check")
    typed(machine, f"sudo {CREATE} --yes", timeout=SLOW)
    typed(machine, f"sudo vdesk bind {CARD} --boot --yes", timeout=SLOW)
    assert driver(machine, SOUND) == "vfio-pci" and machine.run(f"test -x {HOOK}").rc == 0

    said = typed(machine, "sudo apt-get -y purge vdesk", timeout=SLOW)
    assert "install vdesk again" not in said.out + said.err
    assert (driver(machine, CARD), driver(machine, SOUND)) == ("", "snd_hda_intel")
    assert "etc/vdesk" not in machine.run("for each in /boot/initrd.img-*; do lsinitramfs $each; done").out
    assert machine.run("virsh list --all --name").out.split() == ["hoth"]
    assert machine.run(f"stat -c %s {DISK}").out.strip() == str(16 << 20)
    machine.run(f"virsh undefine hoth --nvram && rm {DISK} && virsh net-autostart --disable default", check=True)
    given_back(machine, files, named)


@pytest.mark.lab_long
@pytest.mark.timeout(2400)
def test_purged_without_a_trace(new_machine: NewMachine) -> None:
    purged(new_machine, "trixie")


@pytest.mark.lab_long
@pytest.mark.timeout(3600)
def test_purged_without_a_trace_on_debian_12(new_machine: NewMachine) -> None:
    purged(new_machine, "bookworm")
