"""What udev knows of a device beyond sysfs: the seat that it belongs to (logind, sd-login(3))."""

from __future__ import annotations

from vdesk.host.host import Host

DEFAULT = "seat0"


def seats(host: Host) -> dict[str, str]:
    """DRM card's name (`card0`) -> seat; empty on a captured machine, which has no udev, and without pyudev or the
    libudev that it loads."""
    if not host.tree.own:
        return {}
    try:
        return _seats()
    except (ImportError, OSError, LookupError):  # pyudev's of a missing library, a failing one, a device gone meanwhile
        return {}


def _seats() -> dict[str, str]:
    import pyudev

    found = {}
    for device in pyudev.Context().list_devices(subsystem="drm"):
        name = device.sys_name
        if name.startswith("card") and name[4:].isdecimal():
            found[name] = str(device.properties.get("ID_SEAT", DEFAULT))
    return found
