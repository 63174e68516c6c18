"""Names of vendors, devices and classes from pci.ids, and the modules that claim a device from modules.alias."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from vdesk.host.host import Host
from vdesk.model.errors import HostError

PCI_IDS = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids", "var/lib/pciutils/pci.ids")
CLASSES = {
    "0100": "SCSI storage controller",
    "0104": "RAID bus controller",
    "0106": "SATA controller",
    "0107": "Serial Attached SCSI controller",
    "0108": "Non-Volatile memory controller",
    "0200": "Ethernet controller",
    "0280": "Network controller",
    "0300": "VGA compatible controller",
    "0302": "3D controller",
    "0380": "Display controller",
    "0400": "Multimedia video controller",
    "0401": "Multimedia audio controller",
    "0403": "Audio device",
    "0500": "RAM memory",
    "0600": "Host bridge",
    "0601": "ISA bridge",
    "0604": "PCI bridge",
    "0780": "Communication controller",
    "0880": "System peripheral",
    "0c03": "USB controller",
    "0c05": "SMBus",
    "0c80": "Serial bus controller",
    "1180": "Signal processing controller",
}


class Names:
    """pci.ids, read once and searched, not parsed: a lookup is two searches in one string."""

    def __init__(self, host: Host) -> None:
        self._text = ""
        for path in PCI_IDS:
            try:
                self._text = "\n" + host.read(path, 16 << 20)
                break
            except HostError:
                continue

    def _block(self, vendor: str) -> tuple[str, str]:
        start = self._text.find(f"\n{vendor}  ")
        if start < 0:
            return "", ""
        line_end = self._text.find("\n", start + 1)
        end = line_end
        while 0 <= end < len(self._text) - 1 and self._text[end + 1] in "\t#":
            end = self._text.find("\n", end + 1)
        return self._text[start + 7 : line_end].strip(), self._text[line_end : end if end >= 0 else None]

    def device(self, vendor: str, device: str) -> str:
        """`NVIDIA Corporation GM206 [GeForce GTX 950]`; `Device` stands for a name that pci.ids does not have."""
        vendor_name, block = self._block(vendor)
        known = _rest_of_line(block, f"\n\t{device}  ") or "Device"
        return f"{vendor_name} {known}" if vendor_name else "Device"

    def class_name(self, pci_class: str) -> str:
        """The subclass's name as lspci prints it; `Class 1234` where nobody knows one."""
        start = self._text.find(f"\nC {pci_class[:2]}  ")
        if start >= 0:
            end = self._text.find("\nC ", start + 2)
            known = _rest_of_line(self._text[start : end if end > 0 else None], f"\n\t{pci_class[2:4]}  ")
            if known:
                return known
        return CLASSES.get(pci_class[:4], f"Class {pci_class[:4]}")


def _rest_of_line(text: str, key: str) -> str:
    """Compiling a pattern for each device costs more than all the searching."""
    start = text.find(key)
    if start < 0:
        return ""
    end = text.find("\n", start + len(key))
    return text[start + len(key) : end if end >= 0 else None].strip()


def modules_for(host: Host, modalias: str) -> tuple[str, ...]:
    """The modules whose aliases match a PCI modalias, in the order of modules.alias (modprobe.d(5)), each once."""
    match = re.match(r"pci:v([0-9A-F]{8})", modalias)
    if not match:
        return ()
    found = []
    for pattern, module in _aliases(host, match.group(1)):
        if module not in found and fnmatchcase(modalias, pattern):
            found.append(module)
    return tuple(found)


def _aliases(host: Host, vendor: str) -> list[tuple[str, str]]:
    """The PCI aliases of a vendor's devices and of whole classes; looked up once per vendor and host."""
    cached = host.memory.setdefault("aliases", {})
    if "" not in cached:
        cached[""] = _alias_file(host)
    if vendor not in cached:
        pattern = rf"^alias (pci:v(?:{vendor}|\*)\S*) (\S+)$"
        cached[vendor] = re.findall(pattern, cached[""], re.MULTILINE)
    found: list[tuple[str, str]] = cached[vendor]
    return found


def _alias_file(host: Host) -> str:
    release = host.value("proc/sys/kernel/osrelease")
    for folder in ("lib/modules", "usr/lib/modules") if release and "/" not in release else ():
        try:
            return host.read(f"{folder}/{release}/modules.alias", 16 << 20)
        except HostError:
            continue
    return ""
