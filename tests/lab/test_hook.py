"""The hook under the real libvirt with AppArmor enforced: taken before a start, given back after whatever end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from .machine import Machine
from .typed import document, driver, override, own_files, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

CARD, SOUND, DISK = "0000:01:00.0", "0000:01:00.1", "0000:00:04.0"
LOG = "/var/log/vdesk/hook.log"
STATE = "/run/vdesk/hook/6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11.json"
NODE = "/dev/snd/controlC0"
MARK = "<metadata><vdesk:domain xmlns:vdesk='urn:vdesk:domain:1' os='win10'/></metadata>"


def domain(name: str, uuid: str, mark: str, managed: str, *functions: str) -> bytes:
    """A machine with these functions (the card's two) and nothing to boot from; it is only ever started paused."""
    devices = "".join(
        f"<hostdev mode='subsystem' type='pci' managed='{managed}'><source><address domain='0x0000' "
        f"bus='0x{each[5:7]}' slot='0x{each[8:10]}' function='0x{each[11]}'/></source><rom bar='off'/></hostdev>"
        for each in functions or (CARD, SOUND)
    )
    head = f"<name>{name}</name><uuid>{uuid}</uuid>{mark}<memory unit='MiB'>64</memory><vcpu>1</vcpu>"
    os = "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
    return f"<domain type='qemu'>{head}{os}<devices>{devices}<memballoon model='none'/></devices></domain>".encode()


@pytest.fixture
def hooked(article: Machine) -> Iterator[Machine]:
    """Return the machine with the hook installed while libvirtd was running without any, and two domains defined."""
    article.run("systemctl start libvirtd && virsh list --all", check=True)
    files = own_files(article)
    typed(article, "sudo vdesk hook install --yes")
    article.put(domain("hoth", "6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11", MARK, "yes"), "/run/hoth.xml")
    article.put(domain("other", "6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c12", "", "no"), "/run/other.xml")
    article.put(domain("disk", "6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c13", MARK, "yes", DISK), "/run/disk.xml")
    article.run("for name in hoth other disk; do virsh define /run/$name.xml; done", check=True)
    yield article
    article.run("for name in hoth other disk; do virsh undefine $name; done", check=True)
    typed(article, "sudo vdesk hook remove --yes")
    assert own_files(article) == files


def state_of(machine: Machine) -> list[tuple[str, str, str]]:
    """Return driver, override and d3cold_allowed of both functions."""
    cold = "/sys/bus/pci/devices/{}/d3cold_allowed"
    return [
        (driver(machine, each), override(machine, each), machine.get(cold.format(each)).decode().strip())
        for each in (CARD, SOUND)
    ]


def denials(machine: Machine) -> list[str]:
    """Return the kernel's lines about what AppArmor has denied in this boot."""
    return machine.run("journalctl -k -b --no-pager | grep 'apparmor=\"DENIED\"' || true").out.splitlines()


def wait_for(machine: Machine, wanted: list[tuple[str, str, str]], seconds: float = 60) -> None:
    """Until both functions are as wanted."""
    deadline = time.monotonic() + seconds
    while state_of(machine) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    assert state_of(machine) == wanted


def hold(machine: Machine, program: str) -> str:
    """Start a program that has the sound card's control node open; return its pid."""
    machine.run(f"setsid {program} 600 <{NODE} >/dev/null 2>&1 & echo $! >/run/holder; sleep 1; kill -0 $!", check=True)
    return machine.get("/run/holder").decode().strip()


def test_hook(hooked: Machine) -> None:
    before, denied = state_of(hooked), denials(hooked)
    assert [each[0] for each in before] == ["", "snd_hda_intel"]
    found = document(hooked, "sudo vdesk hook status")["data"]
    assert (found["installed"], found["current"], found["executable"], found["noticed"]) == (True, True, True, True)
    typed(hooked, "sudo vdesk hook check")

    hooked.run("virsh start hoth --paused", check=True)
    assert state_of(hooked) == [("vfio-pci", "vfio-pci", "0"), ("vfio-pci", "vfio-pci", "0")]
    assert "label: libvirtd (enforce)" in hooked.run(f"cat {LOG}", check=True).out
    assert hooked.run(f"stat -c %a:%U {LOG} {STATE}").out.split() == ["600:root", "600:root"]
    typed(hooked, "sudo vdesk hook remove --yes", expect=3)
    hooked.run("virsh destroy hoth", check=True)
    assert state_of(hooked) == before
    assert denials(hooked) == denied

    # QEMU ends by itself; a restarted daemon asks the hook first (reconnect), and the machine lives on
    hooked.run("virsh start hoth --paused && systemctl restart libvirtd && virsh domstate hoth", check=True)
    assert state_of(hooked)[0][0] == "vfio-pci"
    hooked.run("kill -9 $(cat /run/libvirt/qemu/hoth.pid)", check=True)
    wait_for(hooked, before)
    assert hooked.run("virsh domstate hoth").out.strip() == "shut off"

    # the disk with the root file system on it, as an address may name after hardware was moved
    refused = hooked.run("virsh start disk --paused")
    assert refused.rc == 1 and "the disk /dev/vda on it is in use by this machine" in refused.err
    assert driver(hooked, DISK) == "virtio-pci"

    # no work of vdesk's: the devices have to be detached by somebody, and are not
    refused = hooked.run("virsh start other --paused")
    assert refused.rc == 1 and "must be manually detached" in refused.err
    assert state_of(hooked) == before and " other " not in hooked.get(LOG).decode()
    assert denials(hooked) == denied
    typed(hooked, "sudo vdesk hook status")


def test_hook_and_a_held_device(hooked: Machine) -> None:
    """Who holds a device is named before anything is changed; a driver that hangs costs its time and nothing more."""
    before = state_of(hooked)
    pid = hold(hooked, "sleep")
    refused = hooked.run("virsh start hoth --paused")
    assert refused.rc == 1 and f"sleep (pid {pid}, user root) has {NODE} open" in refused.err
    assert refused.seconds < 10 and state_of(hooked) == before
    hooked.run(f"kill {pid}", check=True)

    # a sound server closes a card that disappears; one that does not makes the unbind hang in the kernel
    hooked.run("cp /usr/bin/sleep /usr/local/bin/wireplumber", check=True)
    pid = hold(hooked, "wireplumber")
    refused = hooked.run("virsh start hoth --paused")
    assert refused.rc == 1 and f"wireplumber (pid {pid}, user root) has {NODE} open" in refused.err
    assert "did not let go of 0000:01:00.1 within 10 s" in refused.err and refused.seconds < 40
    assert driver(hooked, CARD) == before[0][0]
    again = hooked.run("virsh start hoth --paused")
    assert again.rc == 1 and "waits in the kernel" in again.err
    hooked.run(f"kill {pid}", check=True)
    wait_for(hooked, before)
    hooked.run("virsh start hoth --paused && virsh destroy hoth", check=True)
    assert state_of(hooked) == before
    assert hooked.run(f"test -e {STATE}").rc == 1
    hooked.run(f"cat {LOG}")
