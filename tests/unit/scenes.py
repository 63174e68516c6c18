"""Machines for the checks: a ready-made one with something changed, laid out once."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.machines.builder import lay_out, machine, put, tree_of
from tests.machines.parts import Machine, Pci
from vdesk.checks import check
from vdesk.host import captured
from vdesk.model.address import parse_address
from vdesk.model.report import Report

GONE = "\0gone"
"""Content of an edit that takes a file, a link or a folder away."""
CARD, IGPU = "sys/bus/pci/devices/0000:01:00.0", "sys/bus/pci/devices/0000:00:02.0"
Edits = Mapping[str, str | bytes | None]


class Scene(NamedTuple):
    """A machine: its base (a ready-made one's name, or a function that makes one), what is changed in its files, what
    could not be read, and the devices asked for."""

    base: str | Callable[[], Machine]
    edits: Edits = MappingProxyType({})
    unreadable: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Stage:
    """Lays each base out once below `folder`; a scene's edits are put in, looked at and taken back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots: dict[object, Path] = {}
        self.seen: dict[int, tuple[Scene, Report]] = {}

    def look(self, scene: Scene) -> Report:
        """What `vdesk check` says of the scene, asked once; the folder's name is nowhere in it."""
        if id(scene) not in self.seen:
            self.seen[id(scene)] = scene, self._look(scene)
        return self.seen[id(scene)][1]

    def _look(self, scene: Scene) -> Report:
        root = self._root(scene.base)
        edits = dict(scene.edits)
        if scene.unreadable:
            edits["run/vdesk/machine.json"] = json.dumps({"unreadable": list(scene.unreadable)})
        with changed(root, edits):
            report = check(captured(str(root)), [parse_address(text) for text in scene.addresses])
        assert str(root) not in json.dumps(report.as_json())
        return report

    def _root(self, base: str | Callable[[], Machine]) -> Path:
        if base not in self.roots:
            made = base() if not isinstance(base, str) else machine(base) if base != "empty" else None
            tree = tree_of(made) if made else {}
            self.roots[base] = lay_out(tree, self.folder / f"machine{len(self.roots)}")
        return self.roots[base]


@contextmanager
def changed(root: Path, edits: Edits) -> Iterator[None]:
    """The tree with the edits; what was there is moved aside and comes back."""
    with ExitStack() as back:
        aside = Path(back.enter_context(TemporaryDirectory(dir=root.parent)))
        for number, (path, content) in enumerate(edits.items()):
            target, kept = root / path, aside / str(number)
            if os.path.lexists(target):
                target.rename(kept)
                back.callback(kept.rename, target)
            if content != GONE:
                missing = [each for each in target.parents if not each.exists()]
                put(root, path, content)
                back.callback(_remove, missing[-1] if missing else target)
        yield


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def recorded(**changed: tuple[int, str] | None) -> str:
    """debian's recorded commands as JSON, with answers changed (key: the last word, `_` for `.`) or left out (None)."""
    found: list[dict[str, Any]] = []
    for each in _answers():
        key = (
            each["argv"][-1].replace(".", "_") if each["argv"][0] == "systemctl" else each["argv"][0].replace("-", "_")
        )
        if key not in changed:
            found.append(each)
        elif (answer := changed[key]) is not None:
            found.append(each | {"exit_code": answer[0], "stdout": answer[1]})
    return json.dumps(found)


@cache
def _answers() -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(str(tree_of(machine("debian"))["run/vdesk/commands.json"])))


@cache
def with_device(base: str, **facts: str | int | None) -> Callable[[], Machine]:
    """The machine with one more card on the root bus."""
    card = Pci("00:05.0", "10de:1402", "030000", boot_vga=False, reset="bus", rom=b"", **facts)  # type: ignore[arg-type]
    return lambda: replace(machine(base), pci=(*machine(base).pci, card))


@cache
def with_card(base: str, **facts: object) -> Callable[[], Machine]:
    """The machine with its card 01:00.0 changed."""

    def make() -> Machine:
        before = machine(base)
        pci = tuple(replace(each, **facts) if each.address == "01:00.0" else each for each in before.pci)  # type: ignore[arg-type]
        return replace(before, pci=pci)

    return make


def booted(base: str, *words: str) -> Scene:
    """The machine booted with other arguments."""
    return Scene(base, {"proc/cmdline": " ".join(("BOOT_IMAGE=/vmlinuz", "root=/dev/sda1", "ro", *words)) + "\n"})


def logged(base: str, *lines: str) -> Scene:
    """The machine with another kernel log."""
    text = "".join(f"[    0.1] kernel: {line}\n" for line in ("Linux version 6.12", *lines))
    return Scene(base, {"run/vdesk/kernel.log": text})
