"""What is private leaves a capture: names of people and of the machine, serial numbers, addresses on the network, ids.

An id that ties files together becomes another one, the same everywhere; all else becomes a word that says nothing."""

from __future__ import annotations

import re

UUID = r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
MAC = r"(?<![0-9a-fA-F:.-])[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}(?![0-9a-fA-F:.-])"
IPV4 = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"
IPV6 = r"(?<![0-9a-fA-F:.])(?:[0-9a-fA-F]{1,4}:){3,7}(?::?[0-9a-fA-F]{1,4})+(?![0-9a-fA-F:.])|\bfe80::[0-9a-fA-F:]+"
SERIAL = r"(?i)(serial ?(?:number|no|num)?\.?\}?\s*[:=]=?\s*[\"']?|\bs/n[:=]?\s*)[^\s,;'\"<]+"
HOME = r"(/(?:var/)?home/|/run/media/|/media/(?=[^/\s]+/))[^/\s'\"<>:,;]+"
SECRET = r"((?:passw(?:or)?d|passphrase|psk|secret)['\"]?\s*[:=>]\s*['\"]?)[^\s'\"<>]+"
HEX_ID = r"\b[0-9a-f]{32}\b"
LONG_TOKEN = r"(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{8,}"
WORDS = {
    *("localhost", "debian", "ubuntu", "fedora", "arch", "linux", "desktop", "pc", "host", "user", "root"),
    *("kvm", "qemu", "libvirt", "admin", "home", "default"),
}
"""Names that tell nobody from another, and that stand in files for other reasons."""


class Scrub:
    """`words` are the names of this machine and of the people on it."""

    def __init__(self, host_name: str, people: list[str], ids: list[str]) -> None:
        self.known: dict[str, str] = {}
        pairs = [(host_name, "host"), (host_name.partition(".")[0], "host"), *((name, "user") for name in people)]
        self.names = {name: word for name, word in pairs if len(name) > 2 and name.lower() not in WORDS}
        self.ids = [each for each in ids if len(each) > 7]

    def path(self, path: str) -> str:
        """A path, or the text of a link: ids, addresses and names in it; by-id names without their serial numbers."""
        found = self._ids(path)
        if "/by-id/" in found or "/by-path/" in found:
            folder, _, name = found.rpartition("/")
            found = f"{folder}/{re.sub(LONG_TOKEN, 'SERIAL', name)}"
        return "/".join(self._names(part) for part in found.split("/"))

    def text(self, text: str) -> str:
        """A text that people or programs wrote: all of it."""
        found = re.sub(SECRET, r"\1X", self._ids(text))
        found = re.sub(SERIAL, r"\1X", found)
        found = re.sub(IPV4, _ipv4, found)
        found = re.sub(IPV6, _ipv6, found)
        return self._names(found)

    def data(self, data: bytes) -> bytes:
        """A file's content; one that is no text stays as it is."""
        if b"\0" in data[:4096]:
            return data
        return self.text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def _ids(self, text: str) -> str:
        found = re.sub(UUID, self._uuid, text)
        found = re.sub(MAC, self._mac, found)
        found = re.sub(HEX_ID, "0" * 32, found)
        found = re.sub(HOME, r"\1user", found)
        for each in self.ids:
            found = found.replace(each, "X")
        return found

    def _names(self, text: str) -> str:
        for name, word in self.names.items():
            if name.lower() in text.lower():
                text = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", word, text, flags=re.IGNORECASE)
        return text

    def _uuid(self, found: re.Match[str]) -> str:
        same = self.known.setdefault(found[0].lower(), f"00000000-0000-4000-8000-{len(self.known) + 1:012x}")
        return same

    def _mac(self, found: re.Match[str]) -> str:
        sign = found[0][2]
        number = self.known.setdefault(found[0].lower().replace("-", ":"), f"{len(self.known) + 1:02x}")[-2:]
        return sign.join(("02", "00", "00", "00", "00", number))


def _ipv4(found: re.Match[str]) -> str:
    """Loopback and no address stay: they are no secret, and mean something."""
    return found[0] if found[0].startswith(("127.", "0.", "255.")) else "192.0.2.1"


def _ipv6(found: re.Match[str]) -> str:
    """PCI addresses and times have their own forms, and are none."""
    return found[0] if found[0].count(":") < 4 and "::" not in found[0] else "2001:db8::1"
