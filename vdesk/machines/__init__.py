"""The demo machine: the article's desktop as a captured tree, kept as one text file that the tests generate."""

from __future__ import annotations

DEMO, BEFORE = "demo", "demo-before"
CONFIGURATION = "etc/default/grub"


def _parts() -> dict[str, dict[str, dict[str, object]]]:
    from os.path import dirname

    from vdesk.host.unpack import parts

    return parts(f"{dirname(__file__)}/article.json")


def unpack(name: str, folder: str) -> None:
    """Lay a machine out below the existing `folder`: `demo`, its IOMMU in use, or `demo-before`, without it."""
    from vdesk.host.unpack import lay_out

    found = _parts()
    lay_out(found["before"], folder)
    if name == DEMO:
        lay_out(found["booted"], folder)
    elif name != BEFORE:
        raise ValueError(f"no such machine: {name}")


def reboot(folder: str) -> None:
    """Let the machine of `demo-before` at `folder` boot with the argument; its configuration stays as it was edited."""
    from vdesk.host.unpack import lay_out

    lay_out(_parts()["booted"], folder, frozenset((CONFIGURATION,)))
