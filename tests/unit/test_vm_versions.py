"""What is written for a libvirt that is older than an element's short form, or than the element."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.unit.vm_cases import IMAGES

VERSION = "var/lib/dpkg/status"


def laid_out(memory: Path, version: str, name: str = "debian") -> Path:
    """A machine with libvirt of that version, as dpkg has it."""
    root = build(name, memory / "root")
    status = f"Package: libvirt0\nStatus: install ok installed\nVersion: {version}\n"
    discs = dict.fromkeys((f"{IMAGES}/Win10.iso", f"{IMAGES}/virtio-win.iso"), "")
    for path, text in {**discs, "run/vdesk/commands.json": "[]", VERSION: status}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def words(*more: str) -> list[str]:
    return ["create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--print-xml", *more]


@pytest.mark.parametrize(
    ("version", "more", "loader"),
    [
        ("8.0.0-1ubuntu7", ("--os", "win11"), True),
        ("8.5.0-1", ("--os", "linux", "--secure-boot"), True),
        ("8.6.0-1", ("--os", "win11"), False),
        ("9.0.0-4+deb12u2", ("--os", "win11"), False),
        ("8.0.0-1ubuntu7", ("--os", "win10"), False),
    ],
)
def test_secure_boot_before_its_short_form(version: str, more: tuple[str, ...], loader: bool, memory: Path) -> None:
    ran = on(laid_out(memory, version), *words(*more))
    assert ran.code == 0, ran.err
    found = ElementTree.fromstring(ran.out).find("os/loader")
    assert (found is not None) is loader
    assert found is None or (found.attrib, found.text) == ({"secure": "yes"}, None), "a path there would be taken"


def test_an_older_one_is_told(memory: Path) -> None:
    root = laid_out(memory, "7.0.0-3+deb11u3")
    ran = on(root, *words())
    assert ran.code == 0 and "libvirt 7.0 is older than 7.6" in ran.err
    refused = on(root, *words("--evdev", "--json"))
    assert (refused.code, refused.errors) == (3, ["vm.old-libvirt"])
    assert "7.6" in refused.envelope["errors"][0]["cause"]


def test_a_new_enough_one_is_not(memory: Path) -> None:
    ran = on(laid_out(memory, "7.6.0-1"), *words("--evdev"))
    assert ran.code == 0 and "older" not in ran.err and "grabToggle" in ran.out
