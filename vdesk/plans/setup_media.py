"""The discs that setup looks for: an installer, and the drivers' disc; in the usual folders and in Downloads."""

from __future__ import annotations

from vdesk.host import Host, media
from vdesk.host.account import home
from vdesk.host.virtio_iso import NAME, find_virtio_iso
from vdesk.model.errors import HostError, VdeskError
from vdesk.plans.vm_spec import refuse_no_disc
from vdesk.vm.install_media import guess_os
from vdesk.vm.spec import WINDOWS

IMAGES = "var/lib/libvirt/images"
DOWNLOADS = ("Downloads", "Descargas", "Téléchargements", "Transferências", "Scaricati", "Pobrane", "")
MOST = 9


def installers(host: Host) -> list[str]:
    """Discs that could be an installer: absolute paths, the likely ones (Windows) first."""
    found = [path for path in _discs(host) if not NAME.fullmatch(path.rpartition("/")[2])]
    return sorted(found, key=lambda path: "win" not in path.rpartition("/")[2].lower())[:MOST]


def usual_drivers(host: Host, iso: str, os: str | None) -> str | None:
    """The drivers' disc that `create` finds by itself."""
    try:
        found = find_virtio_iso(host, media.find(host, iso, "--iso"), guest(host, iso, os))
    except VdeskError:
        return None
    return found.path if found else None


def other_drivers(host: Host) -> str | None:
    """One that it has to be told of: in Downloads."""
    return next((path for path in _discs(host) if NAME.fullmatch(path.rpartition("/")[2])), None)


def guest(host: Host, iso: str, given: str | None) -> str:
    """The guest's system: as said, else what the disc or its name tells; raises WrongUsage for a disc that is not
    there."""
    found = disc(host, iso, "--iso")
    return given or guess_os(found, media.read_disc(found)).os


def disc(host: Host, path: str, option: str) -> media.Media:
    """The file of a disc; raises WrongUsage where there is none, or it is no disc."""
    found = media.find(host, path, option)
    refuse_no_disc(host, found, media.read_disc(found), option)
    return found


def wants_drivers(os: str) -> bool:
    """Whether the guest has no VirtIO drivers of its own."""
    return os in WINDOWS


def _discs(host: Host) -> list[str]:
    folders = [IMAGES]
    own = home(host)
    folders += [f"{own}/{name}".rstrip("/") for name in DOWNLOADS] if own else []
    found = []
    for folder in dict.fromkeys(folders):
        try:
            names = host.list(folder)
        except HostError:
            continue
        found += [f"/{folder}/{name}" for name in names if name.lower().endswith(".iso") and name.isprintable()]
    return found
