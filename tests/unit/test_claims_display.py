"""host-display: which card the host needs for its picture."""

from __future__ import annotations

import pathlib
from typing import NamedTuple

import pytest

from tests.kernel.pieces import function, host_of, link, place
from tests.machines.parts import Tree
from vdesk.host.claims import blockers, claims
from vdesk.host.pci import devices

A, B, C = "0000:00:02.0", "0000:01:00.0", "0000:02:00.0"
LIT, DARK, PULLED = ("connected", "enabled"), ("disconnected", "disabled"), ("disconnected", "enabled")
PLUGGED = ("connected", "disabled")
LOST = ("connected", "")  # a capture without `enabled`


class Gpu(NamedTuple):
    """A card: its outputs (None: no DRM driver), whether the machine booted on it."""

    address: str
    outputs: tuple[tuple[str, str], ...] | None = None
    boot: bool = False
    pci_class: str = "030000"
    driver: str = "nouveau"
    boot_display: bool = False


def tree(gpus: tuple[Gpu, ...]) -> Tree:
    found: Tree = {}
    for number, gpu in enumerate(gpus):
        more = {"boot_vga": str(int(gpu.boot))} if gpu.pci_class == "030000" else {}
        found |= function(gpu.address, gpu.pci_class, driver=gpu.driver, group=str(number + 1), **more)
        card = f"{place(gpu.address)}/drm/card{number}"
        if gpu.outputs is None:
            continue
        found |= link(f"sys/class/drm/card{number}", card) | link(f"{card}/device", place(gpu.address))
        if gpu.boot_display:
            found[f"{card}/boot_display"] = "1\n"
        for index, (status, enabled) in enumerate(gpu.outputs):
            output = f"{card}/card{number}-DP-{index}"
            found |= {f"{output}/status": status + "\n"}
            found |= {f"{output}/enabled": enabled + "\n"} if enabled else {}
            found |= link(f"sys/class/drm/card{number}-DP-{index}", output)
    return found


# name -> cards, and of each, taken alone, whether the host's display keeps it
TABLE: dict[str, tuple[tuple[Gpu, ...], list[str]]] = {
    "the usual: boot card lit, the other dark": ((Gpu(A, (LIT, DARK), True), Gpu(B, (DARK,))), [A]),
    "both lit: both show the desktop": ((Gpu(A, (LIT,), True), Gpu(B, (LIT,))), [A, B]),
    "boot card dark, the other lit": ((Gpu(A, (DARK,), True), Gpu(B, (LIT,))), [B]),
    "a monitor plugged in, no mode set": ((Gpu(A, (LIT,), True), Gpu(B, (PLUGGED,))), [A]),
    "a monitor plugged in, whether a mode is set was lost": ((Gpu(A, (LIT,), True), Gpu(B, (LOST,))), [A, B]),
    "text console: no framebuffer, no connectors": ((Gpu(A, None, True), Gpu(B, None)), [A]),
    "text console beside an idle DRM card": ((Gpu(A, None, True), Gpu(B, (DARK,))), [A]),
    "all dark: the boot card stays": ((Gpu(A, (DARK,), True), Gpu(B, (DARK,))), [A]),
    "boot card's cable pulled, the other lit": ((Gpu(A, (PULLED,), True), Gpu(B, (LIT,))), [B]),
    "boot card's cable pulled, nothing else": ((Gpu(A, (PULLED,), True), Gpu(B, (DARK,))), [A]),
    "the only card, dark": ((Gpu(A, (DARK,), True),), [A]),
    "laptop: a 3D controller has no outputs": ((Gpu(A, (LIT,), True), Gpu(B, (), pci_class="030200")), [A]),
    "laptop with a mux: the panel on the second card": ((Gpu(A, (DARK,), True), Gpu(B, (LIT,))), [B]),
    "a lit 3D controller is lit": ((Gpu(A, (DARK,), True), Gpu(B, (LIT,), pci_class="030200")), [A, B]),
    "no boot_vga at all (class 0380), two cards": ((Gpu(A, (LIT,), pci_class="038000"), Gpu(B, (DARK,))), [A]),
    "no boot_vga, alone, dark": ((Gpu(A, (DARK,), pci_class="038000"),), [A]),
    "boot_display names it": ((Gpu(A, (DARK,), pci_class="038000", boot_display=True), Gpu(B, (DARK,))), [A]),
    "nvidia without modeset, beside a lit card": ((Gpu(A, (LIT,), True), Gpu(B, None, driver="nvidia")), [A]),
    "the same, and the machine booted on it": ((Gpu(A, (LIT,)), Gpu(B, None, True, driver="nvidia")), [A, B]),
    "the same with a DRM card": ((Gpu(A, (LIT,)), Gpu(B, (), True, driver="nvidia")), [A, B]),
    "nvidia with modeset tells that it is dark": ((Gpu(A, (LIT,)), Gpu(B, (DARK,), True, driver="nvidia")), [A]),
    "boot card on vfio-pci: the next one is the last": ((Gpu(A, None, True, driver="vfio-pci"), Gpu(B, (DARK,))), [B]),
    "boot card on vfio-pci, two more": (
        (Gpu(A, None, True, driver="vfio-pci"), Gpu(B, (DARK,)), Gpu(C, (DARK,))),
        [],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_each_card_alone(name: str, tmp_path: pathlib.Path) -> None:
    gpus, expected = TABLE[name]
    host = host_of(tmp_path, tree(gpus))
    known = devices(host, names=False)
    kept = [str(each.address) for device in known for each in claims(host, [device]) if each.rule == "host-display"]
    assert kept == expected
    blocked = blockers(host, known)
    assert [str(device.address) for group in blocked.values() for device in group] == expected


def test_all_cards_together_leave_the_host_without_a_picture(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, tree((Gpu(A, (DARK,), True), Gpu(B, (LIT,)), Gpu(C, (DARK,)))))
    found = {str(each.address): each for each in claims(host, devices(host, names=False))}
    assert list(found) == [A, B, C]
    assert found[A].evidence == f"/sys/bus/pci/devices/{A}/boot_vga: 1"
    assert found[B].evidence == "/sys/class/drm/card1-DP-0/enabled: enabled"
    assert "last card" in found[C].reason
