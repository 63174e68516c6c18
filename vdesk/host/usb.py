"""USB devices of the host (Documentation/ABI/testing/sysfs-bus-usb): what is plugged in where, by the ids it says."""

from __future__ import annotations

from vdesk.host.host import Host
from vdesk.model.errors import HostError
from vdesk.model.record import Record

DEVICES = "sys/bus/usb/devices"
HID, STORAGE = "03", "08"


class UsbDevice(Record):
    """A device: `port` as the kernel names its place (`1-4.2`), ids of four hex digits, `path` its folder in sysfs, and
    the classes of its interfaces."""

    port: str
    vendor: str
    product: str
    name: str
    path: str
    classes: frozenset[str]

    @property
    def ids(self) -> str:
        """`046d:c31c`."""
        return f"{self.vendor}:{self.product}"

    @property
    def address(self) -> str:
        """How a sentence names it: its ids and its port."""
        return f"{self.ids} ({self.port})"

    def carries(self, folder: str) -> bool:
        """Whether a folder in sysfs, as it is when resolved, lies at this device or behind it."""
        return folder.strip("/").startswith(f"{self.path}/")


def usb_devices(host: Host) -> list[UsbDevice]:
    """Every device that is plugged in, hubs too, by port; interfaces (`1-4:1.0`) are no devices."""
    names = host.names(DEVICES)
    return [_device(host, name, names) for name in sorted(names) if ":" not in name]


def _device(host: Host, port: str, names: list[str]) -> UsbDevice:
    from vdesk.host.kernel_log import printable

    folder = f"{DEVICES}/{port}"
    try:
        path = host.resolve(folder)
    except HostError:
        path = folder
    vendor, product, name = (host.value(f"{folder}/{each}") for each in ("idVendor", "idProduct", "product"))
    inside = [each for each in {*names, *host.names(folder)} if each.startswith(f"{port}:")]
    places = [f"{folder}/{each}" for each in inside] + [f"{DEVICES}/{each}" for each in inside]
    classes = frozenset(host.value(f"{each}/bInterfaceClass") for each in places)
    return UsbDevice(port, vendor.lower(), product.lower(), printable(name, 60), path, classes - {""})
