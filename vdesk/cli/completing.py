"""What TAB offers for words that only the machine knows: addresses with their devices, virtual machines, networks.

A completion never fails and never waits long: what cannot be read offers nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from vdesk.host import Host
    from vdesk.host.pci import Device

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
Offer = tuple[str, str]
"""A word, and what it is."""
DEFINITIONS, NETWORKS = "etc/libvirt/qemu", "etc/libvirt/qemu/networks"
SECONDS = 2.0
RULES = {
    "host-display": "the card that the desktop is on",
    "host-network": "the card with the default route",
    "last-input": "the last keyboard or pointer",
    "in-use": "a program has it open",
}


def _host() -> Host:
    """The machine that the words typed so far mean."""
    import shlex

    from vdesk.host import captured, this_machine

    try:
        words = shlex.split(os.environ.get("COMP_WORDS", ""))
    except ValueError:
        words = []
    root = next((words[place + 1] for place, word in enumerate(words[:-1]) if word == "--root"), "")
    root = next((word.partition("=")[2] for word in words if word.startswith("--root=")), root)
    root = root or os.environ.get("VDESK_ROOT", "")
    return captured(root) if root else this_machine()


def _safe(find: Callable[[str], Iterable[Offer]], kind: str = "plain") -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        try:
            return [CompletionItem(word, type=kind, help=about or None) for word, about in find(incomplete)]
        except Exception:
            return []

    return complete


# --- devices


def _functions(wanted: Callable[[Device], bool], more: tuple[str, ...] = ()) -> Complete:
    def find(incomplete: str) -> Iterator[Offer]:
        from vdesk.host.pci import devices

        for device in devices(_host()):
            full = str(device.address)
            place = full if incomplete.startswith("0000:") else full.removeprefix("0000:")
            if wanted(device) and place.startswith(incomplete.lower()):
                driver = f", {device.driver}" if device.driver else ""
                yield place, f"{device.name}{driver}"
        yield from ((word, "") for word in more if word.startswith(incomplete))

    return _safe(find)


movable = _functions(lambda device: not device.is_bridge)
taken = _functions(lambda device: device.is_vfio)
every = _functions(lambda device: True)
cards = _functions(lambda device: device.is_gpu)
cards_or_none = _functions(lambda device: device.is_gpu, ("auto", "none"))
cards_or_without = _functions(lambda device: device.is_gpu, ("none",))


# --- what libvirt knows


def _defined(host: Host, folder: str, argv: list[str], prefix: str, about: str) -> Iterator[Offer]:
    """Names by libvirt's own files, which only root may list; else by asking its read-only socket."""
    names = [name.removesuffix(".xml") for name in host.names(folder) if name.endswith(".xml")]
    if not names and host.is_live:
        names = host.run(["virsh", "-r", "-c", "qemu:///system", *argv], timeout=SECONDS).stdout.splitlines()
    for name in sorted(name.strip() for name in names):
        if name and name.startswith(prefix):
            yield name, about


def _machines(incomplete: str) -> Iterator[Offer]:
    return _defined(_host(), DEFINITIONS, ["list", "--all", "--name"], incomplete, "virtual machine")


def _networks(incomplete: str) -> Iterator[Offer]:
    return _defined(_host(), NETWORKS, ["net-list", "--all", "--name"], incomplete, "network")


machines = _safe(_machines)
networks = _safe(_networks)


# --- what vdesk knows


def commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The commands, and those of a group that is typed already."""
    from click.shell_completion import CompletionItem

    group: click.Command | None = ctx.find_root().command
    for word in ctx.params.get(param.name or "") or ():
        group = group.get_command(ctx, word) if isinstance(group, click.Group) else None
    names = group.list_commands(ctx) if isinstance(group, click.Group) else []
    return [CompletionItem(name) for name in names if name.startswith(incomplete) and name != ctx.info_name]


def _rules(incomplete: str) -> Iterator[Offer]:
    return ((name, about) for name, about in RULES.items() if name.startswith(incomplete))


def _entries(incomplete: str) -> Iterator[Offer]:
    from vdesk.changes.journal import Journal

    for entry in reversed(Journal(_host()).entries()):
        if entry.undoable and str(entry.id).startswith(incomplete):
            yield str(entry.id), f"{entry.command}, {entry.time}"


rules = _safe(_rules)
undoable = _safe(_entries)
files = _safe(lambda incomplete: [(incomplete, "")], "file")
folders = _safe(lambda incomplete: [(incomplete, "")], "dir")

FORCE = click.option(
    "--force", metavar="RULE", multiple=True, shell_complete=rules, help="Override exactly this safety rule."
)
NAME = click.argument("name", shell_complete=machines)
ADDRESS = click.argument("address", metavar="ADDR", shell_complete=movable)
