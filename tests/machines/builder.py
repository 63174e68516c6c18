"""A captured machine from its description: `build(name, folder)`. The attributes look as real ones do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.machines.acpi import write_tables
from tests.machines.boot_files import write_boot
from tests.machines.display_files import write_display
from tests.machines.names_files import write_modules, write_names
from tests.machines.network_files import write_network
from tests.machines.parts import Content, Link, Machine, Tree
from tests.machines.pci_files import paths, relative, write_devices, write_groups, write_units
from tests.machines.software_files import write_software
from tests.machines.storage_files import write_storage
from tests.machines.system_files import write_cpu, write_distribution, write_memory, write_users
from tests.machines.usb_files import write_usb

WRITERS: tuple[Callable[[Machine, Tree], None], ...] = (
    write_devices,
    write_groups,
    write_units,
    write_tables,
    write_display,
    write_storage,
    write_network,
    write_usb,
    write_cpu,
    write_memory,
    write_users,
    write_distribution,
    write_boot,
    write_names,
    write_modules,
    write_software,
)


def tree_of(machine: Machine) -> Tree:
    """Everything that a capture of the machine holds."""
    tree: Tree = {}
    for write in WRITERS:
        write(machine, tree)
    _holders(machine, tree)
    tree |= machine.files
    full = {path.rpartition("/")[0] for path in tree}
    for path in [path for path, content in tree.items() if content is None and path in full]:
        del tree[path]
    return dict(sorted(tree.items()))


def _holders(machine: Machine, tree: Tree) -> None:
    """/proc/PID/fd as a capture keeps it: the device nodes that are open."""
    for holder in machine.holders:
        for number, node in enumerate(holder.nodes, 3):
            tree[f"proc/{holder.pid}/fd/{number}"] = Link(node)


def put(folder: Path, path: str, content: Content) -> None:
    """Lay one thing of a tree out below the folder."""
    place = folder / path
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    _write(str(place), content)


def _write(place: str, content: str | bytes) -> None:
    if isinstance(content, Link):
        os.symlink(content, place)
    else:
        with open(place, "xb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def lay_out(tree: Tree, folder: str | os.PathLike[str]) -> Path:
    """Write a tree to a folder, made when it is not there; returns it."""
    root = os.fspath(folder)
    os.makedirs(root, exist_ok=True)
    for inside in sorted({path if content is None else path.rpartition("/")[0] for path, content in tree.items()}):
        os.makedirs(f"{root}/{inside}", exist_ok=True)
    for path, content in tree.items():
        if content is not None:
            _write(f"{root}/{path}", content)
    return Path(root)


def machine(name: str) -> Machine:
    """The description of a ready-made machine."""
    from tests.machines.catalog import MACHINES

    return MACHINES[name]()


def names() -> list[str]:
    """The ready-made machines; `empty` is one without anything."""
    from tests.machines.catalog import MACHINES

    return [*MACHINES, "empty"]


def build(name: str, folder: str | os.PathLike[str]) -> Path:
    """Lay a ready-made machine out below the folder (made when absent) and return its path."""
    return lay_out({} if name == "empty" else tree_of(machine(name)), folder)


__all__ = ["Link", "Machine", "Tree", "build", "lay_out", "machine", "names", "paths", "put", "relative", "tree_of"]
