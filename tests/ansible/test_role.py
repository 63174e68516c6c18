"""The role on captured machines: vdesk's real commands, real changes of files, and all of it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ansible.playing import MODULE, ROLE, Controller, Variables, local
from tests.machines.builder import build
from tests.trees import Snapshot, difference, snapshot
from tests.unit.grub_judge import generated
from vdesk.changes import executor
from vdesk.changes.executor import Mode
from vdesk.host import captured
from vdesk.plans import iommu

pytestmark = pytest.mark.timeout(400)

OWN = ("var/lib/vdesk", "run/lock")
HOOK = "etc/libvirt/hooks/qemu.d/50-vdesk"
GRUB = "etc/default/grub"
LISTED = "etc/vdesk/devices"
VARIABLES = {"vdesk_packages": "none", "vdesk_devices": [{"address": "01:00.0"}]}
PLAY = {"environment": {"VDESK_ROOT": "{{ machine }}"}, "roles": [{"role": ROLE, "vars": VARIABLES}]}
Hosts = dict[str, Variables]


@pytest.fixture
def hosts(memory: Path) -> Iterator[Hosts]:
    """Return two machines: one whose IOMMU is off, and one that was booted with it."""
    places = {"off": memory / "article", "on": memory / "article-booted"}
    for place in places.values():
        build(place.name, place)
    yield {name: local(machine=str(place)) for name, place in places.items()}


def trees(hosts: Hosts) -> dict[str, Snapshot]:
    """Return what each machine is."""
    return {name: snapshot(host["machine"]) for name, host in hosts.items()}


def test_there_and_back(controller: Controller, hosts: Hosts) -> None:
    """Check mode changes nothing, the second run is unchanged, and what was changed is taken back byte for byte."""
    before = trees(hosts)
    checked = controller.play(PLAY, hosts, "--check", "--diff")
    assert (checked.code, checked.changed) == (0, {"off": 2, "on": 2}), checked.out
    assert not any(difference(before[name], tree) for name, tree in trees(hosts).items())
    assert '+GRUB_CMDLINE_LINUX_DEFAULT="quiet splash intel_iommu=on"\n' in checked.out
    assert "\n0000:01:00.1: snd_hda_intel -> vfio-pci\n" in checked.out
    assert "Devices and virtual machines wait" in checked.out

    first = controller.play(PLAY, hosts)
    assert (first.code, first.changed) == (0, checked.changed), first.out
    made = trees(hosts)
    off, on = (difference(before[name], made[name], OWN) for name in ("off", "on"))
    assert HOOK in off.added and GRUB in off.changed and LISTED not in off.added
    assert HOOK in on.added and GRUB not in on.changed and LISTED in on.added

    second = controller.play(PLAY, hosts)
    assert (second.code, second.changed) == (0, {"off": 0, "on": 0}), second.out
    assert not any(difference(made[name], tree, OWN) for name, tree in trees(hosts).items())

    absent = [{"role": ROLE, "vars": {"vdesk_state": "absent", "vdesk_hook": each}} for each in (True, False)]
    twice = controller.play({**PLAY, "roles": absent}, hosts)
    assert (twice.code, twice.changed) == (0, {"off": 1, "on": 1}), twice.out
    assert not any(difference(before[name], tree, OWN) for name, tree in trees(hosts).items())


def test_a_device_is_given_back(controller: Controller, hosts: Hosts) -> None:
    """`state: absent` of a device, twice in one play: the second changes nothing."""
    gone = [{"address": address, "state": "absent"} for address in ("01:00.0", "01:00.1")]
    less = {**VARIABLES, "vdesk_hook": False, "vdesk_iommu": False}
    roles = [{"role": ROLE, "vars": {**less, "vdesk_devices": [device]}} for device in ({"address": "01:00.0"}, *gone)]
    one = {"on": hosts["on"]}
    before = trees(one)
    played = controller.play({**PLAY, "roles": roles}, one)
    assert (played.code, played.changed) == (0, {"on": 2}), played.out
    assert not difference(before["on"], trees(one)["on"], OWN)


def test_refusals(controller: Controller, hosts: Hosts) -> None:
    """What vdesk refuses fails the task with what, cause and remedy; not ready is a result only where that is asked."""
    one = {"off": hosts["off"]}
    tasks: list[Variables] = [
        {MODULE: {"command": "bind", "arguments": ["01:00.0"]}},
        {MODULE: {"command": "bind", "arguments": ["--list"]}},
        {MODULE: {"command": "show", "arguments": ["hoth"], "options": {"connect": 60.0}}},
        {MODULE: {"command": "check"}},
        {MODULE: {"command": "check", "accept_not_ready": True}, "register": "seen"},
        {"ansible.builtin.assert": {"that": "seen.data.iommu == 'off-in-kernel' and seen.exit_code == 3"}},
        {MODULE: {"command": "iommu status", "executable": "no-such-program"}},
    ]
    wrong = [0, 1, 2, 3, 6]
    for number in wrong:
        tasks[number]["ignore_errors"] = True
    before = trees(one)
    played = controller.play({"environment": PLAY["environment"], "tasks": tasks}, one)
    assert (played.code, played.changed) == (0, {"off": 0}), played.out
    assert played.out.count("...ignoring") == len(wrong), played.out
    assert "the rule iommu-off keeps 0000:01:00.0" in played.out and "Remedy: see what is missing" in played.out
    assert "'--list' is not a PCI address" in played.out
    assert "YAML has read this as the number 60.0" in played.out
    assert "there is no no-such-program on this host" in played.out
    assert not difference(before["off"], trees(one)["off"])


UNQUOTED = f"""
- hosts: all
  gather_facts: false
  roles:
    - role: {ROLE}
      vars:
        vdesk_packages: none
        vdesk_devices:
          - address: 01:00.0
"""


def test_an_address_without_quotes(controller: Controller) -> None:
    """YAML 1.1 makes 60.0 of it: said before anything is done."""
    played = controller.play(UNQUOTED, {"here": local()})
    assert (played.code, played.changed) == (2, {"here": 0})
    assert "60.0 is no PCI address. Write addresses in quotes" in played.out
    assert "Look at the boot configuration" not in played.out


def test_no_reboot_where_another_loader_starts_the_host(controller: Controller, memory: Path) -> None:
    """The run after the reboot says so, where it would reboot the host each time."""
    place = memory / "article"
    build("article", place)
    host = captured(str(place))
    assert executor.run(iommu.enable(host, igfx_off=False, pt=False), host, Mode(yes=True)).exit_code == 0
    generated(place, "quiet splash intel_iommu=on")
    (place / "proc/sys/kernel/random/boot_id").write_text("another\n")
    variables = VARIABLES | {"vdesk_reboot": True}
    play = PLAY | {"roles": [{"role": ROLE, "vars": variables}]}
    played = controller.play(play, {"host": local(machine=str(place))})
    assert played.code == 2 and "has intel_iommu=on since an earlier boot" in played.out, played.out
    assert "sudo vdesk iommu disable" in played.out and "Reboot" not in played.out.rpartition("TASK")[2]
