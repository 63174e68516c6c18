"""The words of `vdesk setup`: what is said is looked at before anything is changed, what was kept before it counts."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from vdesk.changes.choices import WITHOUT, Choices
from vdesk.host import Host, media
from vdesk.host.pci import devices
from vdesk.model.address import parse_address
from vdesk.model.errors import Problem, WrongUsage
from vdesk.plans import rules, setup_media, single_gpu
from vdesk.plans.vm_devices import named_card
from vdesk.plans.vm_disks import VOLUME
from vdesk.vm.spec import Request
from vdesk.vm.words import check_name, parse_size


def checked(host: Host, said: Choices) -> Choices:
    """The choices of a command line, with whole paths and addresses; WrongUsage for every word that means nothing."""
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for name, check in _checks(host).items():
        value = getattr(said, name)
        if value in (None, WITHOUT, ()):
            continue
        try:
            found[name] = check(value)
        except WrongUsage as error:
            problems += error.problems
    if said.single_gpu:
        try:
            single_gpu.check(Request("", "", gpu=said.gpu or "auto"))
        except WrongUsage as error:
            problems += error.problems
    if problems:
        raise WrongUsage(*problems)
    return replace(said, **found)


def sound(kept: Choices) -> Choices:
    """What was kept, without words that `checked` would not have let in: they are asked for again."""
    found: dict[str, Any] = {}
    for name, check in (("name", check_name), ("memory", _memory), ("disk", _size), ("gpu", parse_address)):
        value = getattr(kept, name)
        try:
            if value not in (None, WITHOUT):
                check(value)
        except WrongUsage:
            found[name] = None
    force = []
    for rule in kept.force:
        with suppress(WrongUsage):
            force += sorted(rules.check_force([rule]))
    return replace(kept, **found, force=tuple(force))


def _checks(host: Host) -> dict[str, Callable[..., object]]:
    return {
        "force": lambda value: tuple(value) if rules.check_force(value) else (),
        "gpu": partial(_card, host),
        "iso": lambda value: setup_media.disc(host, value, "--iso").path,
        "virtio_iso": lambda value: setup_media.disc(host, value, "--virtio-iso").path,
        "name": check_name,
        "memory": _memory,
        "disk": partial(_disk, host),
    }


def _card(host: Host, text: str) -> str:
    return str(named_card(devices(host), parse_address(text)).address)


def _memory(text: str) -> str:
    parse_size(text, "--memory")
    return text


def _size(text: str) -> str:
    """Digits first is a size, all else names a disk (contract 5)."""
    if text[:1].isdigit():
        parse_size(text, "--disk")
    return text


def _disk(host: Host, text: str) -> str:
    """A disk by its whole path, which the machine's own step looks at; a size and a new volume as they are."""
    if _size(text)[:1].isdigit() or VOLUME.fullmatch(text):
        return text
    return media.absolute(host, text, "--disk")
