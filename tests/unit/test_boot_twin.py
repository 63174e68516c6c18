"""Equal cards after a renumbering: what the list keeps of the boot display, and what is said of one that has moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.commands.running import on
from tests.machines.builder import build

CARD, IGPU = "0000:01:00.0", "0000:00:02.0"
LIST = "etc/vdesk/devices"


def rows(root: Path) -> list[str]:
    return [line for line in (root / LIST).read_text().splitlines() if not line.startswith("#")]


def states(root: Path) -> list[str]:
    devices: list[dict[str, Any]] = on(root, "bind", "--list", "--json").envelope["data"]["devices"]
    return [each["state"] for each in devices]


def test_a_card_that_the_machine_booted_on_is_marked(memory: Path) -> None:
    """Taken with --force; a boot then takes it all the same."""
    root = build("debian", memory / "root")
    assert on(root, "bind", IGPU, "--boot", "--yes", "--force", "host-display", "--force", "in-use").code == 0
    assert rows(root)[0].startswith(f"{IGPU} 8086:1912") and rows(root)[0].endswith(" boot-display")
    assert "boot-display" not in states(root)
    assert on(root, "undo", "--all", "--yes").code == 0 and not (root / LIST).exists()


def test_another_card_is_not(memory: Path) -> None:
    root = build("debian", memory / "root")
    on(root, "bind", CARD, "--boot", "--yes")
    assert not any("boot-display" in row for row in rows(root))


def test_a_twin_has_moved_there(memory: Path) -> None:
    """check and --list say it; binding it again on purpose takes it onto the list as it is now."""
    root = build("debian", memory / "root")
    on(root, "bind", CARD, "--boot", "--yes")
    on(root, "unbind", CARD, "--yes")
    (root / f"sys/bus/pci/devices/{CARD}/boot_vga").write_text("1\n")
    (root / f"sys/bus/pci/devices/{IGPU}/boot_vga").write_text("0\n")
    assert states(root) == ["boot-display", "boot-display"]
    found = on(root, "check", "--json").envelope["findings"]
    warned = next(each for each in found if each["id"] == "boot.binding")
    assert warned["level"] == "warn" and "the machine has booted on the card there" in warned["title"]
    assert f"sudo vdesk unbind {CARD}" in warned["remedy"]
    assert "the machine has booted on the card at this address" in on(root, "bind", "--list").out
    on(root, "bind", CARD, "--boot", "--yes", "--force", "host-display")
    assert all(row.endswith(" boot-display") for row in rows(root))
