"""What the kernel does with writes to sysfs, on a captured tree: enough to bind and unbind drivers there.

Follows drivers/base/bus.c and drivers/pci/pci-driver.c of Linux 6.12: unbind of a device that the driver does not
have is
ENODEV, drivers_probe succeeds also when nothing binds, vfio-pci refuses bridges, driver_override takes any name."""

from __future__ import annotations

import errno
import os

from vdesk.host import writing
from vdesk.host.host import SysfsWriter
from vdesk.host.tree import Tree, fail
from vdesk.model.errors import Absent

DEVICES = "sys/bus/pci/devices"
DRIVERS = "sys/bus/pci/drivers"


class KernelModel(SysfsWriter):
    """Answers writes below `sys/` of a captured machine by changing its files and links."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def write(self, path: str, text: str, seconds: float) -> None:
        """Do what the kernel would do; OSError texts and numbers are the kernel's."""
        name = path.rpartition("/")[2]
        word = text.strip()
        if name == "drivers_probe":
            self.probe(word)
        elif name == "unbind":
            self.unbind(path, word)
        elif name == "bind":
            self.bind(path.split("/")[-2], word, path)
        elif name == "driver_override":
            self.tree.names(path.rpartition("/")[0])
            writing.write(self.tree, path, (f"{word}\n" if word else "(null)\n").encode(), 0o644, None)
        else:
            self.tree.stat(path)
            writing.write(self.tree, path, text.encode(), None, None)

    def restore(self, path: str, before: str | None) -> None:
        """The attribute as the capture had it; None where the capture had no such file."""
        if before is None:
            try:
                writing.remove(self.tree, path)
            except Absent:
                return
        else:
            writing.write(self.tree, path, before.encode(), None, None)

    def probe(self, address: str) -> None:
        """drivers_probe: binds the driver that the override names, when it would take the device."""
        device = self._device(address, "sys/bus/pci/drivers_probe")
        if os.path.islink(self.tree.real(f"{device}/driver", follow=False)):
            return
        driver = self._override(device)
        if driver and self.accepts(driver, device):
            self._attach(driver, device, address)

    def accepts(self, driver: str, device: str) -> bool:
        """Whether the driver's probe succeeds: vfio-pci takes no bridges (vfio_pci_core_register_device)."""
        return driver != "none" and not (driver == "vfio-pci" and self._text(f"{device}/class").startswith("0x0604"))

    def unbind(self, path: str, address: str) -> None:
        """Take the device from the driver whose `unbind` is written."""
        device = self._device(address, path)
        link = f"{device}/driver"
        if not os.path.islink(self.tree.real(link, follow=False)):
            fail(path, OSError(errno.ENODEV, ""))
        driver = self.tree.link(link).rpartition("/")[2]
        wanted = path.split("/")[-2]
        if wanted not in ("driver", driver):
            fail(path, OSError(errno.ENODEV, ""))
        writing.remove(self.tree, link)
        try:
            writing.remove(self.tree, f"{DRIVERS}/{driver}/{address}")
        except Absent:
            return

    def bind(self, driver: str, address: str, path: str) -> None:
        """Write to a driver's `bind`: ENODEV when it does not match, EBUSY when another driver has the device."""
        device = self._device(address, path)
        if os.path.islink(self.tree.real(f"{device}/driver", follow=False)):
            fail(path, OSError(errno.EBUSY, ""))
        if self._override(device) not in ("", driver):
            fail(path, OSError(errno.ENODEV, ""))
        if not self.accepts(driver, device):
            fail(path, OSError(errno.EINVAL, ""))
        self._attach(driver, device, address)

    def _attach(self, driver: str, device: str, address: str) -> None:
        folder = f"{DRIVERS}/{driver}"
        writing.make_folder(self.tree, folder, 0o755)
        up = "../" * device.count("/")
        writing.symlink(self.tree, f"{device}/driver", f"{up}bus/pci/drivers/{driver}")
        back = os.path.relpath("/" + device, "/" + self.tree.resolve(folder))
        if not os.path.lexists(self.tree.real(f"{folder}/{address}", follow=False)):
            writing.symlink(self.tree, f"{folder}/{address}", back)

    def _device(self, address: str, asked: str) -> str:
        folder = self.tree.resolve(f"{DEVICES}/{address}") if "/" not in address and address else ""
        if not folder or not os.path.isdir(self.tree.real(folder)):
            fail(asked, OSError(errno.ENODEV, ""))
        return folder

    def _override(self, device: str) -> str:
        text = self._text(f"{device}/driver_override")
        return "" if text == "(null)" else text

    def _text(self, path: str) -> str:
        try:
            return self.tree.read(path, 1 << 16).decode(errors="replace").strip()
        except Absent:
            return ""
