"""The hook and who a device is: another one at the address is refused, and what is bound at boot stays bound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    CARD,
    PORT,
    SOUND,
    STATE,
    ModelMachine,
    call,
    domain,
    drivers,
    log,
    machine,
    small,
    written,
)
from tests.kernel.pieces import function, place
from tests.machines.parts import Tree
from tests.trees import snapshot

OURS, ANOTHER = "8086:1234 1043:8591", "8086:1234 1043:8592"
IDS = {"subsystem_vendor": "0x1043\n", "subsystem_device": "0x8591\n"}


def known(*devices: tuple[str, str]) -> str:
    rows = "".join(f'<vdesk:device address="{address}" identity="{ids}"/>' for address, ids in devices)
    return f'<vdesk:domain xmlns:vdesk="urn:vdesk:domain:1" os="win10">{rows}</vdesk:domain>'


def tree(more: Tree | None = None, card: str = "") -> Tree:
    found = small(card)
    for each in (CARD, SOUND):
        found |= {f"{place(each, PORT)}/{name}": text for name, text in IDS.items()}
    return found | (more or {})


def test_the_device_that_was_meant(memory: Path) -> None:
    found = machine(memory, tree())
    assert call(found, "prepare", domain(CARD, SOUND, mark=known((CARD, OURS), (SOUND, OURS.upper())))) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"]


def test_another_device_is_refused(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = machine(memory, tree())
    before = snapshot(memory)
    assert call(found, "prepare", domain(CARD, SOUND, mark=known((CARD, ANOTHER)))) == 1
    text = capfd.readouterr().err
    assert f"another device is at {CARD} now: {OURS}; the virtual machine was made for {ANOTHER}" in text
    assert f"vdesk groups; then: vdesk detach hoth {CARD}, and vdesk attach hoth" in text
    assert written(found) == [] and not found.exists(STATE)
    assert {path for path in snapshot(memory) if path.startswith("sys")} == {p for p in before if p.startswith("sys")}


def test_a_mark_without_identities_and_of_other_devices(memory: Path) -> None:
    """Machines of an earlier vdesk, and a device that was detached since, do not matter."""
    found = machine(memory, tree())
    assert call(found, "prepare", domain(CARD, SOUND, mark=known(("0000:09:00.0", OURS), ("", "")))) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"]


# --- bound at boot


def listed(*devices: str, more: Tree | None = None) -> Tree:
    rows = "".join(f"{each} {OURS}\n" for each in devices)
    files: Tree = {"etc/vdesk/devices": f"# by vdesk\n{rows}", "proc/cmdline": "ro quiet\n"}
    return files | (more or {})


def run(found: ModelMachine) -> list[str]:
    assert call(found, "prepare", domain(CARD, SOUND)) == 0
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert not found.exists(STATE)
    return drivers(found)


def test_what_is_bound_at_boot_stays(memory: Path) -> None:
    """Also when somebody has given it to the host's driver meanwhile; what is not on the list goes back."""
    found = machine(memory, tree(listed(CARD), "nouveau"))
    assert run(found) == ["vfio-pci", "snd_hda_intel"]
    assert found.text(f"sys/bus/pci/devices/{CARD}/driver_override") == "vfio-pci"
    assert found.text(f"sys/bus/pci/devices/{CARD}/d3cold_allowed") == "0"
    assert "bound at boot" in log(found)


def test_a_card_that_the_machine_booted_on_is_on_the_list_too(memory: Path) -> None:
    """Its row has a word more."""
    rows: Tree = {"etc/vdesk/devices": f"{CARD} {OURS} boot-display\n"}
    assert run(machine(memory, tree(listed(more=rows), "nouveau"))) == ["vfio-pci", "snd_hda_intel"]


@pytest.mark.parametrize("where", ["cmdline", "failed", "skipped", "another", "garbage"])
def test_what_is_not_bound_in_this_boot_goes_back(where: str, memory: Path) -> None:
    phase = {"failed": json.dumps({"phase": "failed"}), "skipped": json.dumps({"phase": "skipped"}), "garbage": "[]"}
    files = listed(CARD, SOUND)
    if where in phase:
        files["var/lib/vdesk/boot/state"] = phase[where]
    elif where == "cmdline":
        files["proc/cmdline"] = "ro vdesk.off\n"
    else:
        files["etc/vdesk/devices"] = f"{CARD} {ANOTHER}\n{SOUND} {ANOTHER}\n{CARD}\n"
    assert run(machine(memory, tree(files, "nouveau"))) == ["nouveau", "snd_hda_intel"]


@pytest.mark.parametrize("phase", ["trying", "confirmed", "armed"])
def test_a_trial_that_goes_on(phase: str, memory: Path) -> None:
    files = listed(SOUND, more={"var/lib/vdesk/boot/state": json.dumps({"phase": phase})})
    assert run(machine(memory, tree(files))) == ["", "vfio-pci"]


def test_on_vfio_before_stays_after(memory: Path) -> None:
    found = machine(memory, tree(card="vfio-pci"))
    assert run(found) == ["vfio-pci", "snd_hda_intel"]


@pytest.mark.parametrize(("driver", "code"), [("lpc_ich", 1), ("pcieport", 0)])
def test_a_bridge_that_claims_the_group(
    driver: str, code: int, memory: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """QEMU would say no later, after everything has moved."""
    found = machine(memory, tree(function("0000:00:1f.0", "060100", group="8", driver=driver)))
    assert call(found, "prepare", domain(CARD, SOUND)) == code
    said = "the bridge 0000:00:1f.0 of its group has the driver lpc_ich" in capfd.readouterr().err
    assert said == bool(code) and written(found)[:1] == ([] if code else [f"devices/{SOUND}/d3cold_allowed 0"])
