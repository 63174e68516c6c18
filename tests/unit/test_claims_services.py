"""in-use: nodes that are easily missed, and what makes each program let go: its service, by its control group."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import function, host_of, link, place
from tests.machines.parts import Tree
from tests.unit.test_bind_consoles import console, framebuffer
from tests.unit.test_claims_holders import GPU, OTHER, PASSWD, card, nvidia, process, who
from vdesk.host.claims import held
from vdesk.host.pci import devices
from vdesk.libvirt_hook.look import look
from vdesk.libvirt_hook.machine import Machine

USER = "0::/user.slice/user-1000.slice"
UNITS = {
    "of the system": ("ollama", "0::/system.slice/ollama.service", "stop its service", "systemctl stop ollama.service"),
    "of a user": (
        "sunshine",
        f"{USER}/user@1000.service/app.slice/sunshine.service",
        "stop its service",
        "systemctl --user -M ann@ stop sunshine.service",
    ),
    "a sound server": (
        "pipewire",
        f"{USER}/user@1000.service/session.slice/pipewire.service",
        "lets go by itself",
        "systemctl --user -M ann@ stop pipewire.service",
    ),
    "the older control groups": (
        "ollama",
        "1:name=systemd:/system.slice/ollama.service",
        "stop",
        "stop ollama.service",
    ),
    "another older one": ("ollama", "4:cpu:/system.slice/other.service", "end it", "kill 10"),
    "a session": ("blender", f"{USER}/session-2.scope", "end it", "kill 10"),
    "the user's systemd": ("bash", f"{USER}/user@1000.service", "end it", "kill 10"),
    "no name of a unit": ("bash", "0::/system.slice/a b;reboot.service", "end it", "kill 10"),
    "a desktop": ("gnome-shell", f"{USER}/user@1000.service/org.gnome.Shell@wayland.service", "log out", ""),
}


@pytest.mark.parametrize("name", UNITS)
def test_what_makes_it_let_go(name: str, tmp_path: pathlib.Path) -> None:
    command, cgroup, says, runs = UNITS[name]
    files: Tree = {"proc/10/cgroup": f"{cgroup}\n"}
    host = host_of(tmp_path, card(), PASSWD, process(10, command, "/dev/dri/card1"), files)
    (claim,) = held(host, devices(host, names=False))
    assert claim.reason == f"{command} (pid 10, user ann) has /dev/dri/card1 open"
    assert says in claim.remedy and claim.remedy.endswith(runs or claim.remedy)


def more_nodes(driver: str = "nouveau") -> Tree:
    """A framebuffer, a monitor's bus, and those of another device."""
    tree = card(driver) | framebuffer(0, place(GPU)) | function(OTHER, "0c0500", driver="i801_smbus", group="9")
    for number, owner in ((4, GPU), (5, OTHER)):
        folder = f"{place(owner)}/i2c-{number}/i2c-dev/i2c-{number}"
        tree |= {f"{folder}/uevent": f"DEVNAME=i2c-{number}\n"} | link(f"sys/class/i2c-dev/i2c-{number}", folder)
    tree[f"{place(GPU)}/graphics/fb0/uevent"] = "DEVNAME=fb0\n"
    return tree | {f"{place(GPU)}/drm/card1/uevent": "DEVNAME=dri/card1\n"}


def test_a_monitors_bus_a_framebuffer_and_a_node_that_is_gone(tmp_path: pathlib.Path) -> None:
    opened = ("/dev/i2c-4", "/dev/fb0", "/dev/i2c-5", "/dev/dri/card1 (deleted)", "/dev/kfd")
    host = host_of(tmp_path, more_nodes(), process(10, "ddcutil", *opened))
    assert [each for each in who(host) if GPU in each] == [
        f"ddcutil 10 1000 {node} {GPU}" for node in ("/dev/dri/card1", "/dev/fb0", "/dev/i2c-4")
    ]
    facts = {fact["address"]: fact for fact in look(Machine(str(tmp_path)), [GPU])}
    assert sorted(facts[GPU]["nodes"].split()) == ["dev/dri/card1", "dev/fb0", "dev/i2c-4"]


@pytest.mark.parametrize("alone", [True, False])
def test_the_compute_node_of_amdgpu(alone: bool, tmp_path: pathlib.Path) -> None:
    """One for all its cards: it speaks for a card only when that is the only one."""
    second = {} if alone else function(OTHER, "030000", driver="amdgpu", group="9")
    host = host_of(tmp_path, card("amdgpu"), second, process(10, "rocm", "/dev/kfd"))
    mine = [each for each in devices(host, names=False) if str(each.address) == GPU]
    assert bool(held(host, mine)) == alone
    facts = {fact["address"]: fact for fact in look(Machine(str(tmp_path)), [GPU])}
    assert ("dev/kfd" in facts[GPU]["nodes"]) == alone


@pytest.mark.parametrize(("uses", "free"), [("1", True), ("2", False)])
def test_a_console_on_nvidias_framebuffer(uses: str, free: bool, tmp_path: pathlib.Path) -> None:
    """It is one use of nvidia_drm, and leaves before the modules are unloaded."""
    refcnt: Tree = {"sys/module/nvidia_drm/refcnt": f"{uses}\n"}
    host = host_of(tmp_path, nvidia(), refcnt, console(), framebuffer(0, place(GPU)))
    assert (held(host, devices(host, names=False)) == []) == free
