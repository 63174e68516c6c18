"""What a person has chosen in `vdesk setup`, kept over the reboot; never what the machine itself can tell."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vdesk.changes.journal import HOME
from vdesk.host import Host
from vdesk.model.errors import Absent, HostError

PATH = f"{HOME}/setup.json"
LIMIT = 1 << 16
WITHOUT = "none"
"""Chosen to go without: a card, the drivers' disc."""


@dataclass(eq=False, repr=False)
class Choices:
    """None: not chosen yet. `gpu` is an address or WITHOUT, `virtio_iso` a path or WITHOUT; `force` are the rules of
    bind that are overridden for the card. `reboot` is not kept."""

    gpu: str | None = None
    single_gpu: bool = False
    boot: bool | None = None
    iso: str | None = None
    virtio_iso: str | None = None
    name: str | None = None
    os: str | None = None
    cpus: int | None = None
    memory: str | None = None
    disk: str | None = None
    force: tuple[str, ...] = ()
    igfx_off: bool = False
    pt: bool = False
    reboot: bool | None = None

    def as_json(self) -> dict[str, Any]:
        """What is kept."""
        return {name: value for name, value in asdict(self).items() if name != "reboot"}

    def over(self, kept: Choices) -> Choices:
        """These, and where nothing was chosen what was kept from before; of another card than then nothing is."""
        if self.gpu not in (None, kept.gpu) or (self.single_gpu and not kept.single_gpu):
            kept = replace(kept, gpu=None, single_gpu=False, force=())
        silent = {"single_gpu": False, "igfx_off": False, "pt": False, "force": ()}  # of an option that was not given
        return replace(kept, **{name: value for name, value in asdict(self).items() if value != silent.get(name)})


def read(host: Host) -> Choices:
    """The choices kept; none where the file is not there, or is not what vdesk writes. A dry run may not look."""
    import json

    try:
        found = json.loads(host.read(PATH, LIMIT))
    except (HostError, ValueError, RecursionError):
        return Choices()
    if not isinstance(found, dict):
        return Choices()
    kinds = {"boot": bool, "single_gpu": bool, "igfx_off": bool, "pt": bool, "cpus": int}
    known = {each.name for each in fields(Choices)} - {"reboot", "force"}
    force = found.get("force")
    rules = tuple(each for each in force if isinstance(each, str)) if isinstance(force, list) else ()
    kept = {name: value for name, value in found.items() if name in known and _is(value, kinds, name)}
    return Choices(**kept, force=rules)


def _is(value: object, kinds: dict[str, type], name: str) -> bool:
    return type(value) is kinds.get(name, str)


def keep(host: Host, choices: Choices) -> None:
    """Write them down, for root only; raises HostError."""
    import json

    host.make_folder(HOME, 0o700)
    host.write(PATH, (json.dumps(choices.as_json(), indent=1) + "\n").encode(), 0o600)


def forget(host: Host) -> bool:
    """All is done, or taken back: nothing has to be remembered; whether something was."""
    try:
        host.stat(PATH, follow=False)
        host.remove(PATH)
    except Absent:
        return False
    return True
