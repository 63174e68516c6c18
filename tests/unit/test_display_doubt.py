"""A card whose driver tells nothing of its outputs (nvidia without modeset): unknown, and never chosen by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import on
from tests.machines.builder import lay_out, tree_of
from tests.machines.desktops import debian

CARD = "0000:01:00.0"
ISO = "/var/lib/libvirt/images/win10.iso"
DOUBT = "it could not be told whether the desktop is on it"


def machine(folder: Path, *, boot: bool = False, lit: bool = False) -> Path:
    """Debian with the card on nvidia, without any DRM card of it; the integrated one shows the desktop where `lit`."""
    base = debian()
    pci = tuple(
        replace(each, driver="nvidia", boot_vga=boot)
        if each.address == "01:00.0"
        else replace(each, boot_vga=not boot)
        if each.boot_vga is not None
        else each
        for each in base.pci
    )
    root = lay_out(tree_of(replace(base, pci=pci, cards=base.cards[:1])), folder / "root")
    for output in () if lit else root.glob("sys/devices/pci*/*/drm/card0/card0-*"):
        (output / "enabled").write_text("disabled\n")
    return root


@pytest.fixture
def root(memory: Path) -> Path:
    """The machine booted on the integrated graphics."""
    return machine(memory)


def about(root: Path) -> dict[str, Any]:
    found: list[dict[str, Any]] = on(root, "check", "--json").envelope["findings"]
    return next(each for each in found if each["id"] == "gpu.host-display" and each.get("device") == CARD)


def listed(root: Path) -> dict[str, Any]:
    found: list[dict[str, Any]] = on(root, "gpu", "list", "--json").envelope["data"]["gpus"]
    return next(each for each in found if each["address"] == CARD)


def test_it_is_unknown(root: Path) -> None:
    assert about(root)["level"] == "unknown" and DOUBT in about(root)["cause"]
    card = listed(root)
    assert (card["display"], card["display_known"]) == (False, False) and DOUBT in card["display_reason"]
    assert DOUBT in on(root, "gpu", "list").out


def test_the_desktop_is_seen_on_another(memory: Path) -> None:
    """As on the machine that the article is about: nvidia without modeset, a monitor on the integrated graphics."""
    root = machine(memory, lit=True)
    assert about(root)["level"] == "ok" and listed(root)["display_known"]
    assert on(root, "create", "hoth", "--iso", ISO, "-n").code == 0
    steps = {each["id"]: each for each in on(root, "setup", "-y", "--json").envelope["data"]["steps"]}
    assert steps["card"]["state"] == "done"


def test_the_machine_booted_on_it(memory: Path) -> None:
    """Then the desktop may be on it: the rule keeps it, and can be overridden."""
    root = machine(memory, boot=True)
    card = listed(root)
    assert card["display"] and card["display_known"] and "the machine booted on it" in card["display_reason"]
    refused = on(root, "bind", CARD, "-n", "--json")
    assert refused.code == 3 and [each["id"] for each in refused.envelope["errors"]] == ["rule.host-display"]
    assert on(root, "bind", CARD, "-n", "--force", "host-display").code == 0


def test_bind_says_it(root: Path) -> None:
    told = on(root, "bind", CARD, "-n")
    assert told.code == 0 and DOUBT in " ".join((told.out + told.err).split())


def test_create_does_not_choose_it(root: Path) -> None:
    refused = on(root, "create", "hoth", "--iso", ISO, "-n", "--json")
    error = refused.envelope["errors"][0]
    assert (refused.code, error["id"]) == (2, "vm.which-gpu")
    assert DOUBT in error["cause"] and f"--gpu {CARD}" in error["remedy"]
    assert on(root, "create", "hoth", "--iso", ISO, "-n", "--gpu", CARD).code == 0


def test_setup_does_not_choose_it(root: Path) -> None:
    steps = {each["id"]: each for each in on(root, "setup", "-y", "--json").envelope["data"]["steps"]}
    assert steps["card"]["state"] == "todo" and steps["card"]["command"] == f"vdesk setup --gpu {CARD}"
    assert DOUBT in steps["card"]["why"] and "recommended" not in steps["card"]["why"]
    steps = {each["id"]: each for each in on(root, "setup", "-n", "--gpu", CARD, "--json").envelope["data"]["steps"]}
    assert steps["card"]["state"] == "done"
