"""The host's own screen given away and back, on a real kernel: the text console shows what is typed there again."""

from __future__ import annotations

import time

import pytest

from .machine import Machine
from .test_hook import LOG, domain
from .typed import document, driver, override, typed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

VGA = "0000:00:02.0"
CONSOLES = 'for each in /sys/class/vtconsole/*; do echo "$(cat $each/name) $(cat $each/bind)"; done; cat /proc/fb'
SCREEN = "head -c 8000 /dev/vcs1"
LINE = "the screen is back"


def consoles(machine: Machine) -> list[str]:
    """Return a line for each console driver, and one for each framebuffer."""
    return machine.run(CONSOLES, check=True).out.splitlines()


def state_of(machine: Machine) -> tuple[str, str, str, list[str]]:
    """Return driver, override and d3cold_allowed of the card, and the consoles."""
    cold = machine.run(f"cat /sys/bus/pci/devices/{VGA}/d3cold_allowed", check=True).out.strip()
    return driver(machine, VGA), override(machine, VGA), cold, consoles(machine)


def shows(machine: Machine, text: str) -> bool:
    """Write a line to the first text console; whether the screen's memory and size say that it is shown."""
    machine.run(f"chvt 1; echo '{text}' > /dev/tty1; sleep 0.5", check=True)
    return text in machine.run(SCREEN, check=True).out and "frame buffer device 1" in "\n".join(consoles(machine))


@pytest.mark.parametrize("way", ["undo --all", f"unbind {VGA}"], ids=["undo", "unbind"])
def test_the_screen_goes_and_comes_back(article: Machine, way: str) -> None:
    before = state_of(article)
    assert before[0] == "bochs-drm" and "(M) frame buffer device 1" in before[3] and shows(article, "before")

    plan = document(article, f"sudo vdesk bind {VGA} --force host-display --dry-run")
    kinds = [change["kind"] for change in plan["changes"]]
    assert kinds[-2:] == ["console", "driver"]
    assert state_of(article) == before

    typed(article, f"sudo vdesk bind {VGA} --force host-display --yes")
    assert (driver(article, VGA), override(article, VGA)) == ("vfio-pci", "vfio-pci")
    found = consoles(article)
    assert not any("frame buffer" in each or "bochs" in each for each in found) and "(M) dummy device 1" in found

    typed(article, f"sudo vdesk {way} --yes")
    deadline = time.monotonic() + 20
    while state_of(article) != before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert state_of(article) == before
    assert shows(article, LINE)
    assert article.run("systemctl is-active getty@tty1", check=True).out.strip() == "active"
    article.run("journalctl -k -b --no-pager | tail -30")


UUID = "6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c14"
MARK = (
    "<metadata><vdesk:domain xmlns:vdesk='urn:vdesk:domain:1' os='win10'>"
    "<vdesk:device address='{}' identity='{}'/></vdesk:domain></metadata>"
)
IDENTITY = "cd {}; echo $(cat vendor):$(cat device) $(cat subsystem_vendor):$(cat subsystem_device) | sed s/0x//g"


def define(machine: Machine, identity: str) -> None:
    """Define the machine that has the screen's card, meant by its identity."""
    machine.put(domain("screen", UUID, MARK.format(VGA, identity), "yes", VGA), "/run/screen.xml")
    machine.run("virsh define /run/screen.xml", check=True)


def test_the_hook_takes_the_screen_and_gives_it_back(article: Machine) -> None:
    """Under libvirtd's AppArmor profile; and a device that is not the one that was meant is refused before."""
    typed(article, "sudo vdesk hook install --yes")
    article.run("systemctl reload-or-restart libvirtd; virsh list --all", check=True)
    before = state_of(article)
    assert before[0] == "bochs-drm" and shows(article, "before")
    ours = article.run(IDENTITY.format(f"/sys/bus/pci/devices/{VGA}"), check=True).out.strip()

    define(article, "10de:1402 1043:8591")
    refused = article.run("virsh start screen --paused")
    assert refused.rc == 1 and f"another device is at {VGA} now: {ours}" in refused.err
    assert state_of(article) == before

    define(article, ours)
    started = article.run("virsh start screen --paused")
    log = article.run(f"cat {LOG}", check=True).out
    assert "the text console has let go of its framebuffer" in log and f"{VGA}: bochs-drm -> vfio-pci" in log
    if started.rc == 0:
        assert driver(article, VGA) == "vfio-pci"
        article.run("virsh destroy screen", check=True)
    deadline = time.monotonic() + 30
    while state_of(article) != before and time.monotonic() < deadline:
        time.sleep(0.5)
    assert state_of(article) == before and shows(article, LINE)
    article.run(f"cat {LOG}; journalctl -k -b --no-pager | grep DENIED || true")
    article.run("virsh undefine screen", check=True)
