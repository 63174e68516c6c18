"""Binding at boot with another builder than Debian's usual one, and with a kernel that is installed later."""

from __future__ import annotations

import pytest

from .conftest import NewMachine
from .debs import fetch
from .machine import Machine
from .test_boot_binding import CARD, SLOW, SOUND, bound_at_boot, wait_for_phase
from .typed import driver, own_files, typed

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(3600)]
INSTALL = "DEBIAN_FRONTEND=noninteractive apt-get install --yes "


def bound_by(machine: Machine) -> str:
    """What the kernel's log says of both functions in this boot."""
    said: str = machine.run("journalctl -k -b --no-pager | grep -E 'snd_hda_intel 0000:01:00.1|vdesk holds'").out
    return said


@pytest.mark.parametrize("suite", ["trixie", "bookworm"])
def test_dracut(new_machine: NewMachine, suite: str) -> None:
    """Installed in the place of initramfs-tools: held before udev, bound, and given back."""
    machine = new_machine(image=suite)
    debs = fetch(machine, "dracut", "dracut-core")
    machine.run(INSTALL + " ".join(debs), SLOW, check=True)
    machine.run("echo 'hostonly=yes' > /etc/dracut.conf.d/lab.conf", check=True)
    files = [each for each in own_files(machine) if "initrd" not in each]
    typed(machine, f"sudo vdesk bind {CARD} --boot --yes", timeout=SLOW)
    machine.reboot()
    assert [driver(machine, each) for each in (CARD, SOUND)] == ["vfio-pci", "vfio-pci"]
    assert "snd_hda_intel" not in bound_by(machine) and f"vdesk holds {CARD}" in bound_by(machine)
    wait_for_phase(machine, "confirmed")
    typed(machine, f"sudo vdesk unbind {CARD} --boot --yes", timeout=SLOW)
    assert [driver(machine, each) for each in (CARD, SOUND)] == ["", "snd_hda_intel"]
    assert [each for each in own_files(machine) if "initrd" not in each] == files


def test_initramfs_tools_of_debian_12(new_machine: NewMachine) -> None:
    bound_at_boot(new_machine(image="bookworm"))


def test_another_kernel(article: Machine) -> None:
    """Debian's realtime kernel, installed after the binding: its own hooks put the list into its image; it boots."""
    typed(article, f"sudo vdesk bind {CARD} --boot --yes", timeout=SLOW)
    debs = fetch(article, "linux-image-rt-amd64")
    article.run(INSTALL + " ".join(debs), SLOW, check=True)
    was = article.run("uname -r").out.strip()
    new = article.run("ls /lib/modules | grep rt").out.strip()
    assert "etc/vdesk/devices" in article.run(f"lsinitramfs /boot/initrd.img-{new}").out
    article.reboot()
    if article.run("uname -r").out.strip() == was:
        entry = "grep -o 'gnulinux-advanced[^ ]*' /boot/grub/grub.cfg | head -1 | tr -d \"'\""
        one = f"grep -o 'gnulinux-{new}-advanced[^ ]*' /boot/grub/grub.cfg | head -1 | tr -d \"'\""
        article.run("sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/' /etc/default/grub; update-grub", SLOW, check=True)
        article.run(f'grub-set-default "$({entry})>$({one})"', check=True)
        article.reboot()
    assert article.run("uname -r").out.strip() == new
    assert [driver(article, each) for each in (CARD, SOUND)] == ["vfio-pci", "vfio-pci"]
    assert "snd_hda_intel" not in bound_by(article) and f"vdesk holds {CARD}" in bound_by(article)


def test_one_of_two_equal_cards(new_machine: NewMachine) -> None:
    """Only the one that was named, although both have the same ids."""
    machine = new_machine("identical-gpus")
    rows = machine.run("lspci -Dn | grep -E ' 0403: '").out.splitlines()
    ids: dict[str, list[str]] = {}
    for row in rows:
        ids.setdefault(row.split()[2], []).append(row.split()[0])
    first, second = next(places for places in ids.values() if len(places) == 2)
    card = first[:-1] + "0"
    typed(machine, f"sudo vdesk bind {card} --boot --yes", timeout=SLOW)
    machine.reboot()
    assert driver(machine, first) == "vfio-pci" and driver(machine, card) == "vfio-pci"
    assert driver(machine, second) == "snd_hda_intel" and driver(machine, second[:-1] + "0") != "vfio-pci"


def test_left_out_on_demand(article: Machine) -> None:
    """vdesk.off in GRUB's line for one boot: the devices are the host's; the next boot binds them."""
    typed(article, f"sudo vdesk bind {CARD} --boot --yes", timeout=SLOW)
    article.run("sed -i 's/\\(linux.*vmlinuz.*\\)$/\\1 vdesk.off/' /boot/grub/grub.cfg", check=True)
    article.reboot()
    assert "vdesk.off" in article.get("/proc/cmdline").decode()
    assert [driver(article, each) for each in (CARD, SOUND)] == ["", "snd_hda_intel"]
    article.run("update-grub", SLOW, check=True)
    article.reboot()
    assert [driver(article, each) for each in (CARD, SOUND)] == ["vfio-pci", "vfio-pci"]
    wait_for_phase(article, "confirmed")
