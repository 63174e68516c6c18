"""What is private leaves a capture: names of people and of the machine, serial numbers, addresses on the network, ids.

An id that ties files together becomes another one, the same everywhere; all else becomes a word that says nothing."""

from __future__ import annotations

import re

UUID = r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"
MAC = r"(?<![0-9a-fA-F:.-])[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){5}(?![0-9a-fA-F:.-])"
IPV4 = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"
IPV6 = r"(?<![0-9a-fA-F:.])(?:[0-9a-fA-F]{1,4}:){3,7}(?::?[0-9a-fA-F]{1,4})+(?![0-9a-fA-F:.])|\bfe80::[0-9a-fA-F:]+"
# The name that systemd gives an interface by its address (systemd.net-naming-scheme), and addresses without signs.
MAC_NAME = r"(?<![0-9A-Za-z])((?:en|wl|ww|ib|sl)x)([0-9a-fA-F]{12})(?![0-9A-Za-z])"
BARE_MAC = r"(?<![0-9A-Za-z.:_-])(?=\d*[a-fA-F])(?=[a-fA-F]*\d)[0-9a-fA-F]{12}(?![0-9A-Za-z:_-])"
# Of file systems that have no UUID of that form, and of partitions of a table without any.
SHORT_ID = (
    r"((?:PART)?UUID[=:] ?[\"']?|\bby-(?:part)?uuid/)([0-9a-fA-F]{4}-[0-9a-fA-F]{4}|[0-9a-fA-F]{8}-[0-9a-fA-F]{2})"
    r"(?![0-9A-Za-z-])"
)
BY_ID = r"(\bby-(?:id|path)/)([^\s'\"<>,;)]+)"
PLACE = r"(?<![\w.])(/mnt/|/srv/)([^/\s'\"<>:,;]+)"
IQN = r"\b(?:iqn\.\d{4}-\d\d|eui|naa)\.[A-Za-z0-9][^\s,;'\"]{7,}"
SERVER = r"((?i:\bhostname[=:] ?|\bnfs(?:root)?=|\bnfs4?:(?://)?)[\"']?)[^\s,:;/'\"]+"
EXPORT = r"(?<![^\s])(?:[A-Za-z0-9][\w.-]*(?=:/(?:\w|\s|$))|(?<=\s)//[\w.-]+(?=/\w))"
TOKEN = r"(?i)(\bbearer\s+|\b[\w-]*(?:token|api[_-]?key)['\"]?\s*[:=]\s*['\"]?)[^\s'\"<>]+"
# GRUB's users and their passwords (grub: "Authentication and authorisation").
GRUB_USERS = (
    r"(?m)(^[ \t]*(?:set[ \t]+)?superusers[ \t]*=|^[ \t]*password(?:_pbkdf2)?[ \t]|--users[ \t=])"
    r".*?(?=[ \t]*(?:\{|$))"
)
SSID = r"(?i)(\be?ssid[=:] ?)(?:\"[^\"]*\"|'[^']*'|[^\s,;]+)"
SERIAL_WORD = r"\b([Ss]erial(?: [Nn]umber)? )(?=[A-Z0-9._-]*\d)[A-Z0-9][A-Z0-9._-]{5,}"
SERIAL = r"(?i)(serial ?(?:number|no|num)?\.?\}?\s*[:=]=?\s*[\"']?|\bs/n[:=]?\s*)[^\s,;'\"<]+"
HOME = r"(/(?:var/)?home/|/run/media/|/media/(?=[^/\s]+/))[^/\s'\"<>:,;]+"
SECRET = r"((?:passw(?:or)?d|passphrase|psk|secret)['\"]?\s*[:=>]\s*['\"]?)[^\s'\"<>]+"
HEX_ID = r"\b[0-9a-f]{32}\b"
HEX_PAIR = r"[0-9a-f]{2}"  # also a part of a PCI address
LONG_TOKEN = r"(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{8,}"
WORDS = {
    *("localhost", "debian", "ubuntu", "fedora", "arch", "linux", "desktop", "pc", "host", "user", "root"),
    *("kvm", "qemu", "libvirt", "admin", "home", "default"),
}
"""Names that tell nobody from another, and that stand in files for other reasons."""
SHORT_WORDS = {
    *("on", "no", "pt", "pc", "up", "id", "ro", "rw", "to", "in", "of", "is", "at", "or", "by", "an", "as", "it", "if"),
    *("us", "do", "go", "so", "vm", "io", "ok", "os", "ip", "vt", "sh", "py", "ko", "hw", "tx", "rx", "es", "fr", "en"),
    *("eq", "kb", "mb", "gb", "tb", "ms", "ns", "hz", "nr", "lo", "sd", "sr", "sg", "nv", "hd", "rd", "gt", "rx", "we"),
}
"""Of two letters, of the kernel, of programs and of English: a login that is one of them stays."""


class Scrub:
    """The names of this machine, and of the people on it; `ids` are its serial numbers."""

    def __init__(self, host_names: list[str], people: list[str], ids: list[str]) -> None:
        self.known: dict[str, str] = {}
        pairs = [(part, "host") for name in host_names for part in (name, name.partition(".")[0])]
        pairs += [(name, "user") for name in people]
        pairs += [(name.replace("-", "--"), word) for name, word in pairs if "-" in name]  # as device-mapper has it
        self.names = {name: word for name, word in pairs if len(name) > 2 and name.lower() not in WORDS}
        short = {name for name in people if len(name) == 2 and not re.fullmatch(HEX_PAIR, name)}
        self.short = sorted(short - SHORT_WORDS)
        self.ids = [each for each in ids if len(each) > 7]

    def path(self, path: str) -> str:
        """A path, or the text of a link: ids, addresses and names in it; by-id names without their serial numbers."""
        return "/".join(self._names(part) for part in self._ids(path).split("/"))

    def text(self, text: str) -> str:
        """A text that people or programs wrote: all of it."""
        found = self._ids(text)
        for private in (GRUB_USERS, TOKEN, SECRET, SSID, SERIAL, SERIAL_WORD):
            found = re.sub(private, r"\1X", found)
        found = re.sub(SERVER, r"\1server", found)
        found = re.sub(EXPORT, lambda export: "//server" if export[0].startswith("//") else "server", found)
        found = re.sub(IQN, "iqn.2000-01.org.example:X", found)
        found = re.sub(IPV4, _ipv4, found)
        found = re.sub(IPV6, _ipv6, found)
        for name in self.short:
            found = re.sub(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", "user", found)
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
        found = re.sub(MAC_NAME, lambda name: name[1] + self._bare(name[2]), found)
        found = re.sub(BARE_MAC, lambda mac: self._bare(mac[0]), found)
        found = re.sub(SHORT_ID, self._short, found)
        found = re.sub(BY_ID, lambda name: name[1] + re.sub(LONG_TOKEN, "SERIAL", name[2]), found)
        found = re.sub(HOME, r"\1user", found)
        found = re.sub(PLACE, self._place, found)
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

    def _short(self, found: re.Match[str]) -> str:
        """The id of a partition keeps its number."""
        table, _, part = found[2].lower().partition("-")
        number = self.known.setdefault(table if len(part) == 2 else found[2].lower(), f"{len(self.known) + 1:04x}")
        return f"{found[1]}0000{number}-{part}" if len(part) == 2 else f"{found[1]}0000-{number.upper()}"

    def _place(self, found: re.Match[str]) -> str:
        return found[1] + self.known.setdefault(f"{found[1]}{found[2]}", f"place{len(self.known) + 1}")

    def _bare(self, digits: str) -> str:
        """An address without signs, the same as where it has some."""
        number = self.known.setdefault(":".join(re.findall("..", digits.lower())), f"{len(self.known) + 1:02x}")
        return f"0200000000{number[-2:]}"

    def _mac(self, found: re.Match[str]) -> str:
        sign = found[0][2]
        number = self.known.setdefault(found[0].lower().replace("-", ":"), f"{len(self.known) + 1:02x}")[-2:]
        return sign.join(("02", "00", "00", "00", "00", number))


def _ipv4(found: re.Match[str]) -> str:
    """Loopback and no address stay: they are no secret, and mean something."""
    return found[0] if found[0].startswith(("127.", "0.", "255.")) else "192.0.2.1"


def _ipv6(found: re.Match[str]) -> str:
    """PCI addresses and times have their own forms, and are none; nor is a MAC that was replaced already."""
    own = found[0].startswith("02:00:00:00:00:")
    return found[0] if own or (found[0].count(":") < 4 and "::" not in found[0]) else "2001:db8::1"
