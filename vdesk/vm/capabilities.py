"""What libvirt and QEMU of this host can do (libvirt formatdomaincaps); None means that it was not said."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from vdesk.model.number import is_number

LIMIT = 4 << 20


@dataclass(frozen=True)
class Capabilities:
    """Sets of names as domcapabilities lists them; `efi` and `secure_boot`: whether there is such firmware."""

    hyperv: frozenset[str] | None = None
    graphics: frozenset[str] | None = None
    efi: bool | None = None
    secure_boot: bool | None = None
    tpm: bool | None = None
    vcpus: int | None = None


def parse_capabilities(text: str | None) -> Capabilities | None:
    """The capabilities in a domcapabilities document; None without one, or when it is no such document."""
    root = _root(text)
    if root is None or root.tag != "domainCapabilities":
        return None
    vcpus = root.find("vcpu")
    most = vcpus.get("max", "") if vcpus is not None else ""
    firmware = _values(root, "os/enum[@name='firmware']")
    secure = _values(root, "os/loader/enum[@name='secure']")
    return Capabilities(
        _values(root, "features/hyperv/enum[@name='features']"),
        _values(root, "devices/graphics/enum[@name='type']"),
        None if firmware is None else "efi" in firmware,
        None if secure is None else "yes" in secure,
        _tpm(root),
        int(most) if is_number(most) else None,
    )


def _root(text: str | None) -> Element | None:
    """The document's root; None without one, also where bytes of a captured file are no UTF-8 (ValueError)."""
    if not text or len(text) > LIMIT:
        return None
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        return None


def _values(root: Element, path: str) -> frozenset[str] | None:
    found = root.find(path)
    return None if found is None else frozenset(each.text or "" for each in found.findall("value"))


def _tpm(root: Element) -> bool | None:
    tpm = root.find("devices/tpm")
    if tpm is None:
        return None
    backends = _values(root, "devices/tpm/enum[@name='backendModel']") or frozenset()
    return tpm.get("supported") == "yes" and "emulator" in backends


def has_kvm(text: str | None) -> bool | None:
    """Whether a capabilities document offers x86_64 guests with KVM; None when it is none."""
    root = _root(text)
    if root is None:
        return None
    arch = root.find("guest/arch[@name='x86_64']")
    return None if arch is None else any(each.get("type") == "kvm" for each in arch.findall("domain"))
