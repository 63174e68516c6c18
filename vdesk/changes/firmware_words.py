"""The file of what a machine's firmware has said: libvirt makes it, since vdesk's definition asks for it (formatdomain,
the log of a serial port), and nobody takes it away with the machine."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vdesk.changes.change import DONE, Change, Progress, Record
from vdesk.host import Host
from vdesk.host.libvirt_conn import is_far
from vdesk.model.errors import HostError

FOLDER = "var/log/libvirt/qemu"


def path(name: str) -> str:
    """Where the words of a machine are, relative to the root."""
    return f"{FOLDER}/{name}.firmware"


def there(host: Host, name: str) -> list[str]:
    """The files of words that there are for a machine, those that virtlogd(8) has put aside too; none where this
    process may not look. Links, and what else is no plain file, are not libvirt's."""
    mine = re.compile(re.escape(path(name).rpartition("/")[2]) + r"(\.\d)?")
    found = [f"{FOLDER}/{each}" for each in host.names(FOLDER) if mine.fullmatch(each)]
    return [each for each in found if _is_file(host, each)]


def _is_file(host: Host, place: str) -> bool:
    try:
        return host.stat(place, follow=False).kind == "file"
    except HostError:
        return False


def forget(host: Host, places: Sequence[str], progress: Progress) -> None:
    """Remove them; one that cannot be removed stays, and is told."""
    for place in places:
        try:
            host.remove(place)
        except HostError as error:
            progress(f"/{place} stays: {error.problems[0].cause}")


def forget_new(host: Host, uri: str | None, record: Record, progress: Progress) -> None:
    """Remove those of a machine of this host that is undefined, where there were none before it was made."""
    if uri and not is_far(uri) and record.get("words") == []:
        forget(host, there(host, record["name"]), progress)


class ForgetWords(Change):
    """Remove the words of a machine that is deleted. They are not brought back: the next start begins them anew."""

    kind = "firmware-words"

    def __init__(self, name: str, places: Sequence[str]) -> None:
        self.name, self.places = name, list(places)
        self.target = f"/{path(name)}"
        self.summary = f"remove what the firmware of {name} has said: {', '.join(f'/{each}' for each in places)}"

    def record(self, host: Host) -> Record:
        """Which files."""
        return {"name": self.name, "places": self.places}

    def apply(self, host: Host, progress: Progress) -> bool:
        """Remove them."""
        forget(host, [each for each in self.places if _is_file(host, each)], progress)
        return DONE

    @classmethod
    def revert(cls, host: Host, record: Record, progress: Progress) -> None:
        """Nothing: they were of a run that is over."""
