"""sysfs of what shows a picture or plays a sound: DRM cards, framebuffers, virtual consoles, sound cards."""

from __future__ import annotations

from tests.machines.parts import Card, Machine, Tree
from tests.machines.pci_files import paths, relative


def write_display(machine: Machine, tree: Tree) -> None:
    """sys/class/drm, sys/class/graphics, sys/class/vtconsole, proc/fb."""
    if machine.cards:
        tree["sys/class/drm/version"] = "drm 1.1.0 20060810\n"
    lines: list[str] = []
    for card in machine.cards:
        _card(tree, card, paths(machine)[card.device])
        if card.framebuffer:
            lines.append(f"{len(lines)} {card.framebuffer}\n")
            _framebuffer(tree, card, paths(machine)[card.device], len(lines) - 1)
    tree["proc/fb"] = "".join(lines)
    _consoles(tree, bool(lines))
    _sound(machine, tree)


def _card(tree: Tree, card: Card, device: str) -> None:
    name = f"card{card.number}"
    folder = f"{device}/drm/{name}"
    tree[f"{folder}/device"] = relative(f"{folder}/device", device)
    tree[f"{folder}/dev"] = f"226:{card.number}\n"
    tree[f"sys/class/drm/{name}"] = relative(f"sys/class/drm/{name}", folder)
    for connector, (status, enabled) in card.connectors.items():
        entry = f"{name}-{connector}"
        for attribute, text in (
            ("status", status),
            ("enabled", enabled),
            ("dpms", "On" if enabled == "enabled" else "Off"),
        ):
            tree[f"{folder}/{entry}/{attribute}"] = text + "\n"
        tree[f"{folder}/{entry}/device"] = relative(f"{folder}/{entry}/device", folder)
        tree[f"sys/class/drm/{entry}"] = relative(f"sys/class/drm/{entry}", f"{folder}/{entry}")
    if card.render is not None:
        node = f"renderD{card.render}"
        tree[f"{device}/drm/{node}/device"] = relative(f"{device}/drm/{node}/device", device)
        tree[f"{device}/drm/{node}/dev"] = f"226:{card.render}\n"
        tree[f"sys/class/drm/{node}"] = relative(f"sys/class/drm/{node}", f"{device}/drm/{node}")


def _framebuffer(tree: Tree, card: Card, device: str, number: int) -> None:
    folder = f"{device}/graphics/fb{number}"
    tree[f"{folder}/name"] = card.framebuffer + "\n"
    tree[f"{folder}/device"] = relative(f"{folder}/device", device)
    tree[f"sys/class/graphics/fb{number}"] = relative(f"sys/class/graphics/fb{number}", folder)


def _consoles(tree: Tree, framebuffer: bool) -> None:
    names = ["(S) dummy device", "(M) frame buffer device"] if framebuffer else ["(M) VGA+"]
    for number, name in enumerate(names):
        folder = f"sys/devices/virtual/vtconsole/vtcon{number}"
        tree[f"{folder}/name"] = name + "\n"
        tree[f"{folder}/bind"] = "1\n" if name.startswith("(M)") else "0\n"
        tree[f"sys/class/vtconsole/vtcon{number}"] = relative(f"sys/class/vtconsole/vtcon{number}", folder)


def _sound(machine: Machine, tree: Tree) -> None:
    """A sound card with its control and one stream for every function that snd_hda_intel has."""
    played = [each for each in machine.pci if each.driver == "snd_hda_intel"]
    for number, device in enumerate(played):
        card = f"{paths(machine)[device.address]}/sound/card{number}"
        tree[f"{card}/id"] = "PCH\n" if not device.behind else "HDMI\n"
        tree[f"sys/class/sound/card{number}"] = relative(f"sys/class/sound/card{number}", card)
        for node in (f"controlC{number}", f"pcmC{number}D0p"):
            tree[f"{card}/{node}/device"] = relative(f"{card}/{node}/device", card)
            tree[f"sys/class/sound/{node}"] = relative(f"sys/class/sound/{node}", f"{card}/{node}")
