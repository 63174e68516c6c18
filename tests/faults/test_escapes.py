"""What a terminal could take for a command, in names of devices and files and in what programs print: nothing of it
reaches the terminal, also beside the ordinary views."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands.running import on
from tests.faults.cases import packages, two_kernels
from tests.faults.played import ISO, Played
from tests.faults.test_setup import Person
from tests.machines import builder

HOSTILE = "\x1b]0;x\x07\x9b2J\u202e"
"""An OSC that changes the title, a CSI of one byte, and a change of the writing direction."""
RAW = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x80-\x9f\u202e]")
NAMES = "usr/share/misc/pci.ids"


def name_all(root: Path) -> None:
    """Every device has a name with the signs in it."""
    path = root / NAMES
    path.write_text(re.sub(r"(?m)^(\t?[0-9a-f]{4}  )", rf"\g<1>{HOSTILE}", path.read_text()))


def laid_out(folder: Path) -> Path:
    """A captured machine."""
    return builder.lay_out(builder.tree_of(builder.machine("debian")), folder / "root")


@pytest.fixture
def played(memory: Path) -> Played:
    """Return a machine that lacks packages, and whose devices are named so."""
    found = Played(memory, "no-tpm")
    packages(found)
    two_kernels(found)
    name_all(found.root)
    return found


def test_the_cards_that_setup_offers(played: Played) -> None:
    person = Person(played, "setup")
    person.says(("Do this? [y/N]", "n"))
    person.asked("Which card goes to the machine?")
    assert "GeForce" in person.seen and not RAW.search(person.seen)
    assert person.interrupt() == 130


def test_the_cards_that_create_offers(memory: Path) -> None:
    found = Played(memory, replace(builder.machine("identical-gpus"), cards=()))
    for card in ("0000:01:00.0", "0000:02:00.0"):
        (found.root / f"sys/bus/pci/devices/{card}/boot_vga").write_text("0\n")
    name_all(found.root)
    person = Person(found, "create", "hoth", "--iso", ISO, "--connect", "test:///default")
    person.asked("Which card goes to the machine?")
    assert "GeForce" in person.seen and not RAW.search(person.seen)
    person.interrupt()


def test_what_programs_print(played: Played) -> None:
    script = played.programs / "update-grub"
    lines = script.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\nprintf '%s half of it\\n' '{HOSTILE}'\n", 1)
    script.write_text(lines)
    person = Person(played, "iommu", "enable", "--pt", "--yes")
    assert person.ended() == 0
    assert "half of it" in person.seen and not RAW.search(person.seen)


def test_what_was_read(memory: Path) -> None:
    root = laid_out(memory)
    (root / f"etc/default/grub.d/{HOSTILE}.cfg").parent.mkdir(parents=True, exist_ok=True)
    (root / f"etc/default/grub.d/{HOSTILE}.cfg").write_text("")
    ran = on(root, "iommu", "status", "-v")
    assert ".cfg" in ran.err and not RAW.search(ran.out + ran.err)


def test_the_notes_beside_a_definition(memory: Path) -> None:
    """What is said is clean, and the definition names the file as it is called."""
    root, path = laid_out(memory), "/var/lib/libvirt/images/\u202ewin10.iso"
    (root / path.lstrip("/")).write_bytes(b"")
    ran = on(root, "create", "hoth", "--iso", path, "--gpu", "01:00.0", "--print-xml")
    named = [each.get("file") for each in ElementTree.fromstring(ran.out).iter("source")]
    assert path in named and "win10.iso" in ran.err and not RAW.search(ran.err)
