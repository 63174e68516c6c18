"""The Ansible role on a real machine, from a kernel without IOMMU to a card that is bound and a VM that is defined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ansible.playing import ROLE, Controller, Played

from .machine import Machine
from .passing_on import PassingOn, passed_on
from .typed import GRUB_DEFAULT, booted_with, driver, own_files

pytestmark = [pytest.mark.lab_long, pytest.mark.timeout(2400)]

GPU, AUDIO = "0000:01:00.0", "0000:01:00.1"
HOOK = "/etc/libvirt/hooks/qemu.d/50-vdesk"
VM = {"os": "linux", "gpu": "01:00.0", "memory": "512M", "cpus": 1, "disk": "1G"}
VARIABLES = {
    "vdesk_packages": "none",
    "vdesk_devices": [{"address": "01:00.0"}],
    "vdesk_machines": [{"name": "hoth", "options": {"iso": "/var/lib/libvirt/images/lab-guest.iso", **VM}}],
}
PLUGINS = Path(__file__).parent / "connection"


class Remote:
    """The machine as one of Ansible's hosts: its user desk, who becomes root by sudo."""

    def __init__(self, controller: Controller, server: PassingOn) -> None:
        self.controller, self.server = controller, server
        controller.settings = {"ANSIBLE_CONNECTION_PLUGINS": str(PLUGINS), "ANSIBLE_PIPELINING": "1"}

    def play(self, *words: str, **variables: Any) -> Played:
        """Run the role; what Ansible says goes to the test's log."""
        more = {f"vdesk_{name}": value for name, value in variables.items()}
        play = {"become": True, "roles": [{"role": ROLE, "vars": VARIABLES | more}]}
        host = {
            "ansible_connection": "lab", "lab_socket": self.server.server_address, "ansible_user": "desk",
            "ansible_python_interpreter": "/usr/bin/python3",
        }  # fmt: skip
        played = self.controller.play(play, {"machine": host}, *words)
        self.server.machine.transcript.note(f"ansible-playbook {' '.join(words)}\n{played.out}")
        assert played.code == 0, played.out
        return played


def state_of(machine: Machine) -> tuple[list[str], str, str, str]:
    """Return the machine's own files, the card's drivers and the VMs."""
    vms = machine.run("virsh list --all --name", check=True).out.strip()
    return own_files(machine), driver(machine, GPU), driver(machine, AUDIO), vms


def test_the_role(iommu_off: Machine, tmp_path: Path) -> None:
    machine = iommu_off
    before, grub = state_of(machine), machine.get(GRUB_DEFAULT)
    with passed_on(machine, tmp_path / "lab.sock") as server:
        remote = Remote(Controller(tmp_path), server)
        checked = remote.play("--check", "--diff")
        assert checked.changed == {"machine": 2} and "Devices and virtual machines wait" in checked.out
        assert "intel_iommu=on" in checked.out and state_of(machine) == before

        first = remote.play(reboot=True)
        assert (first.changed, server.reboots) == ({"machine": 5}, 1), first.out
        assert "intel_iommu=on" in booted_with(machine)
        made = state_of(machine)
        assert made[1:] == ("vfio-pci", "vfio-pci", "hoth")
        assert any(line.endswith(f" {HOOK}") for line in made[0])

        second = remote.play(reboot=True)
        assert (second.changed, server.reboots) == ({"machine": 0}, 1), second.out
        assert state_of(machine) == made

        back = remote.play(state="absent")
        assert back.changed == {"machine": 1} and server.reboots == 1
        assert machine.get(GRUB_DEFAULT) == grub and state_of(machine)[1:] == before[1:]
        files = set(state_of(machine)[0]) ^ set(before[0])
        assert not [line for line in files if "/boot/initrd" not in line and "grub.cfg" not in line], files
