"""What the kernel does with writes to sysfs, on a captured tree: enough to bind and unbind drivers there.

Follows drivers/base/bus.c and drivers/pci/pci-driver.c of Linux 6.12: unbind of a device that the driver does not have
is ENODEV, drivers_probe succeeds also when nothing binds, vfio-pci refuses bridges, driver_override takes any name."""

from __future__ import annotations

import errno
import os
from typing import Any

from vdesk.host import writing
from vdesk.host.host import Late, SysfsWriter
from vdesk.host.tree import Tree, fail
from vdesk.model.errors import Absent, HostError
from vdesk.model.number import is_number

DEVICES = "sys/bus/pci/devices"
DRIVERS = "sys/bus/pci/drivers"
PLATFORM = "sys/bus/platform"


class KernelModel(SysfsWriter):
    """Answers writes below `sys/` of a captured machine by changing its files and links."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def write(self, path: str, text: str, seconds: float, late: Late = ()) -> None:
        """Do what the kernel would do; OSError texts and numbers are the kernel's."""
        name = path.rpartition("/")[2]
        word = text.strip()
        if path.startswith(f"{PLATFORM}/drivers/") and name in ("bind", "unbind"):
            self.platform(path, word, name == "bind")
        elif path.startswith("sys/class/vtconsole/"):
            self._put(path, text)
        elif name == "drivers_probe":
            self.probe(word)
        elif name == "unbind":
            self.unbind(path, word)
        elif name == "bind":
            self.bind(path.split("/")[-2], word, path)
        elif name == "driver_override":
            self.tree.names(path.rpartition("/")[0])
            mode = None if self._exists(path) else 0o644
            writing.write(self.tree, path, (f"{word}\n" if word else "(null)\n").encode(), mode, None)
        else:
            self._put(path, text)

    def read(self, path: str, seconds: float) -> str | None:
        """The file's text."""
        try:
            return self.tree.read(path, 1 << 16).decode("utf-8", "surrogateescape")
        except Absent:
            return None

    def restore(self, path: str, before: str | None) -> None:
        """The attribute as the capture had it; None where the capture had no such file."""
        if before is None:
            _remove(self.tree, path)
        else:
            writing.write(self.tree, path, before.encode("utf-8", "surrogateescape"), None, None)

    def snapshot(self, address: str, driver: str | None, loaded: bool) -> dict[str, Any]:
        """The links between the device and its driver, and which folders of drivers the capture does not have."""
        was = self._driver(f"{DEVICES}/{address}")
        return {
            "link": self._link(f"{DEVICES}/{address}/driver"),
            "back": self._link(f"{DRIVERS}/{was}/{address}") if was else None,
            "new": [
                name
                for name in (driver, was)
                if name and ((loaded and name == driver) or not self._exists(f"{DRIVERS}/{name}"))
            ],
        }

    def give_back(self, address: str, before: dict[str, Any]) -> None:
        """The links as they were, without the folders that were made on the way."""
        was = self._driver(f"{DEVICES}/{address}")
        self._relink(f"{DEVICES}/{address}/driver", before.get("link"))
        if was:
            self._relink(f"{DRIVERS}/{was}/{address}", before.get("back"))
        for name in before.get("new", []):
            writing.remove_folder(self.tree, f"{DRIVERS}/{name}")

    def probe(self, address: str) -> None:
        """drivers_probe: binds the driver that the override names, else one that knows the device and takes it."""
        device = self._device(address, "sys/bus/pci/drivers_probe")
        if self._link(f"{device}/driver") is not None:
            return
        override = self._override(device)
        for driver in [override] if override else self._native(device):
            if self.accepts(driver, device):
                self._attach(driver, device, address)
                return

    def accepts(self, driver: str, device: str) -> bool:
        """Whether the driver is there and its probe succeeds: vfio-pci, which may be loaded at any time, takes neither
        bridges nor functions that have made virtual ones (vfio_pci_core_register_device)."""
        if driver == "vfio-pci":
            return not self._text(f"{device}/class").startswith("0x0604") and self._virtual_functions(device) == 0
        return _is_name(driver) and self._exists(f"{DRIVERS}/{driver}")

    def unbind(self, path: str, address: str) -> None:
        """Take the device from the driver whose `unbind` is written."""
        device = self._device(address, path)
        driver = self._driver(device)
        if not driver or path.split("/")[-2] not in ("driver", driver):
            fail(path, OSError(errno.ENODEV, ""))
        writing.make_folder(self.tree, f"{DRIVERS}/{driver}", 0o755)  # a thin capture has the link alone
        writing.remove(self.tree, f"{device}/driver")
        _remove(self.tree, f"{DRIVERS}/{driver}/{address}")

    def bind(self, driver: str, address: str, path: str) -> None:
        """Write to a driver's `bind`: ENODEV when it does not match, EBUSY when another driver has the device."""
        device = self._device(address, path)
        if self._link(f"{device}/driver") is not None:
            fail(path, OSError(errno.EBUSY, ""))
        if self._override(device) not in ("", driver):
            fail(path, OSError(errno.ENODEV, ""))
        if not self.accepts(driver, device):
            fail(path, OSError(errno.EINVAL, ""))
        self._attach(driver, device, address)

    def platform(self, path: str, name: str, bound: bool) -> None:
        """bind and unbind of a platform driver: ENODEV when it does not have the device, or another one does."""
        driver, device = path.split("/")[-2], f"{PLATFORM}/devices/{name}"
        now = self._driver(device)
        if not _is_name(name) or not self._exists(device) or now != ("" if bound else driver):
            fail(path, OSError(errno.ENODEV, ""))
        folder, mine = self.tree.resolve(device), f"{PLATFORM}/drivers/{driver}"
        if bound:
            writing.symlink(self.tree, f"{folder}/driver", os.path.relpath(f"/{mine}", f"/{folder}"))
            writing.symlink(self.tree, f"{mine}/{name}", os.path.relpath(f"/{folder}", f"/{mine}"))
        else:
            writing.remove(self.tree, f"{folder}/driver")
            _remove(self.tree, f"{mine}/{name}")

    def _put(self, path: str, text: str) -> None:
        self.tree.stat(path)
        writing.write(self.tree, path, text.encode(), None, None)

    def _attach(self, driver: str, device: str, address: str) -> None:
        folder = f"{DRIVERS}/{driver}"
        writing.make_folder(self.tree, folder, 0o755)
        up = "../" * device.count("/")
        writing.symlink(self.tree, f"{device}/driver", f"{up}bus/pci/drivers/{driver}")
        if self._link(f"{folder}/{address}") is None:
            back = os.path.relpath("/" + device, "/" + self.tree.resolve(folder))
            writing.symlink(self.tree, f"{folder}/{address}", back)

    def _native(self, device: str) -> list[str]:
        """The drivers that are there and whose module claims the device, in the order of modules.alias."""
        from vdesk.host.host import Host
        from vdesk.host.names import modules_for

        found = []
        for module in modules_for(Host(self.tree.root), self._text(f"{device}/modalias")):
            for driver in self._names(DRIVERS):
                of = (self._link(f"{DRIVERS}/{driver}/module") or driver).rpartition("/")[2]
                if of.replace("-", "_") == module.replace("-", "_"):
                    found.append(driver)
        return found

    def _relink(self, path: str, target: str | None) -> None:
        if self._link(path) != target:
            _remove(self.tree, path)
            if target is not None:
                writing.symlink(self.tree, path, target)

    def _device(self, address: str, asked: str) -> str:
        folder = self.tree.resolve(f"{DEVICES}/{address}") if _is_name(address) else ""
        if not folder or not os.path.isdir(self.tree.real(folder)):
            fail(asked, OSError(errno.ENODEV, ""))
        return folder

    def _driver(self, device: str) -> str:
        name = (self._link(f"{device}/driver") or "").rpartition("/")[2]
        return name if _is_name(name) else ""

    def _override(self, device: str) -> str:
        text = self._text(f"{device}/driver_override")
        return "" if text == "(null)" else text

    def _virtual_functions(self, device: str) -> int:
        text = self._text(f"{device}/sriov_numvfs")
        return int(text) if is_number(text) else 0

    def _text(self, path: str) -> str:
        try:
            return self.tree.read(path, 1 << 16).decode(errors="replace").strip()
        except HostError:
            return ""

    def _link(self, path: str) -> str | None:
        try:
            return self.tree.link(path)
        except HostError:
            return None

    def _names(self, path: str) -> list[str]:
        try:
            return self.tree.names(path)
        except HostError:
            return []

    def _exists(self, path: str) -> bool:
        try:
            self.tree.stat(path)
        except HostError:
            return False
        return True


def _is_name(text: str) -> bool:
    """Whether a text of the captured tree can be a driver or an address: one part of a path, and no step up."""
    return bool(text) and "/" not in text and "\0" not in text and text not in (".", "..", "none")


def _remove(tree: Tree, path: str) -> None:
    try:
        writing.remove(tree, path)
    except Absent:
        return
