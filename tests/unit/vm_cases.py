"""Requests to `vdesk create`, each with the machine that it is made on: the golden definitions."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.machines.article import gop_rom
from tests.machines.builder import build
from vdesk.host import Host, captured
from vdesk.host.libvirt_uri import allow

MEMORY = "/dev/shm"
IMAGES = "var/lib/libvirt/images"
ANSWERS = '<unattend xmlns="urn:schemas-microsoft-com:unattend"/>\n'
# What domcapabilities of QEMU 7.2 without swtpm, without SPICE and without Secure Boot firmware comes down to.
POOR = """<domainCapabilities><domain>kvm</domain><vcpu max='255'/><os supported='yes'>
<enum name='firmware'><value>efi</value></enum>
<loader supported='yes'><enum name='secure'><value>no</value></enum></loader>
</os><devices><graphics supported='yes'><enum name='type'><value>vnc</value></enum></graphics>
<tpm supported='no'/></devices><features><hyperv supported='yes'><enum name='features'>
<value>relaxed</value><value>vapic</value><value>spinlocks</value><value>synic</value><value>stimer</value></enum></hyperv>
</features></domainCapabilities>
"""

# What libvirt's test driver is filled with.
NODE = """<node><domain type='test'><name>test</name><memory>8192</memory><os><type>hvm</type></os></domain>
<network><name>default</name><bridge name='virbr0'/></network></node>"""


def in_memory() -> Iterator[Path]:
    """Yield a folder for machines, in memory where there is such a place: a machine is hundreds of small files."""
    folder = Path(tempfile.mkdtemp(prefix="vdesk-vm-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None))
    yield folder
    shutil.rmtree(folder)


def with_discs(name: str) -> Iterator[Host]:
    """Yield a machine that has both of Windows' discs, empty."""
    for folder in in_memory():
        root = build(name, folder / "machine")
        for disc in ("Win10.iso", "virtio-win.iso"):
            (root / IMAGES / disc).write_bytes(b"")
        yield captured(str(root))


def own_driver(folder: Path, *hosts: Host) -> str:
    """The URI of a test driver of its own, with one machine and a network; the hosts may open it, as by --connect."""
    (folder / "node.xml").write_text(NODE)
    uri = f"test://{folder}/node.xml"
    for host in hosts:
        allow(host, uri)
    return uri


def _file(path: str, data: bytes) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return put


def _without(path: str) -> Callable[[Path], None]:
    return lambda root: (root / path).unlink()


VIRTIO = _without(f"{IMAGES}/virtio-win.iso")
QCOW2 = _file("srv/Old Windows & more.qcow2", b"QFI\xfb" + bytes(508))
ANSWER_FILE = _file("root/autounattend.xml", ANSWERS.encode())
ROM = _file("usr/share/vgabios/gtx950.rom", gop_rom(0x10DE, 0x1402))
MASKED = _file("etc/qemu/firmware/40-edk2-x86_64-secure-enrolled.json", b"")
EMULATED = _file(
    "run/vdesk/capabilities.xml",
    b"<capabilities><guest><arch name='x86_64'><domain type='qemu'/></arch></guest></capabilities>",
)


def wide_cpu(root: Path) -> None:
    """A processor of 46 bits, beside an IOMMU of 39; libvirt is of Debian 13."""
    _file("var/lib/dpkg/status", b"Package: libvirt0\nStatus: install ok installed\nVersion: 11.3.0-3\n")(root)
    info = root / "proc/cpuinfo"
    info.write_text(info.read_text().replace("39 bits physical", "46 bits physical"))


def debian_12(root: Path) -> None:
    """Its libvirt knows no limit to the width of addresses."""
    recorded = root / "run/vdesk/commands.json"
    recorded.write_text(recorded.read_text().replace("(libvirt) 11.3.0", "(libvirt) 9.0.0"))


CAPABILITIES = _file("run/vdesk/domcapabilities.xml", POOR.encode())


class Case(NamedTuple):
    """A machine, the options after `create hoth --iso ISO`, and what is changed on the machine before."""

    machine: str
    options: str
    prepare: tuple[Callable[[Path], None], ...] = ()
    iso: str = f"/{IMAGES}/Win10.iso"


CASES = {
    "defaults": Case("article-booted", ""),
    "win11": Case("article-booted", "--os win11"),
    "win11-no-keys": Case("article-booted", "--os win11", (MASKED,)),
    "win11-no-tpm": Case("article-booted", "--os win11 --no-tpm --no-secure-boot"),
    "i440fx": Case("article-booted", "--machine i440fx"),
    "i440fx-devices": Case("article-booted", "--machine i440fx --device 02:00.0", (VIRTIO,)),
    "linux-no-card": Case("article-booted", "--os linux --gpu none --tpm"),
    "linux-secure": Case("debian", "--os linux --secure-boot --memory 1536MiB --cpus 1"),
    "no-drivers": Case("article-booted", "--os win10", (VIRTIO,)),
    "drivers-named": Case("debian", f"--virtio-iso /{IMAGES}/virtio-win.iso --network default"),
    "card-and-devices": Case("debian", "--gpu pci_0000_01_00_0 --device 02:00.0 --usb 046d:c52b --usb 0951:1666"),
    "rom": Case("handed-over", "--gpu 01:00.0 --rom /usr/share/vgabios/gtx950.rom", (ROM,)),
    "qcow2": Case("article-booted", "--disk 80GiB --disk-format qcow2"),
    "new-volume": Case("debian", "--disk vg0/win:64GiB"),
    "single-gpu": Case("single-gpu", "--single-gpu --pin"),
    "existing-disk": Case("article-booted", "--disk '/srv/Old Windows & more.qcow2'", (QCOW2,)),
    "volume": Case("article-booted", "--disk /dev/vg/windows"),
    "pin": Case("article-booted", "--pin"),
    "pin-one-cache": Case("amd-two-ccx", "--pin --cpus 8 --hugepages --memory 12GiB"),
    "pin-two-caches": Case("amd-two-ccx", "--pin --gpu auto"),
    "pin-odd": Case("amd-two-ccx", "--pin --cpus 5"),
    "pin-hybrid": Case("intel-hybrid", "--pin --force in-use"),
    "amd": Case("amd-two-ccx", "--os win11"),
    "looking-glass": Case("debian", "--looking-glass 2560x1440"),
    "narrow-iommu": Case("debian", "", (wide_cpu,)),
    "narrow-iommu-debian-12": Case("debian", "", (wide_cpu, debian_12)),
    "evdev": Case("debian", "--evdev"),
    "everything": Case(
        "debian", "--os win11 --pin --cpus 4 --hugepages --looking-glass 3840x2160 --evdev --device 02:00.0"
    ),
    "unattended": Case("debian", "--unattended /root/autounattend.xml", (ANSWER_FILE,)),
    "poor-libvirt": Case("no-tpm", "--os win11", (CAPABILITIES,)),
    "old-libvirt": Case("old-libvirt", ""),
    "emulated": Case("article-booted", "", (EMULATED,)),
    "laptop": Case("laptop-muxless", "--os win11"),
    "one-of-two": Case("identical-gpus", "--gpu 02:00.0"),
}


def lay_out(case: Case, folder: Path) -> Path:
    """The machine of a case, to be read only: one that nothing was changed on is laid out once below the folder."""
    place = folder / (case.machine if not case.prepare else f"{case.machine}-{len(list(folder.iterdir()))}")
    if place.exists():
        return place
    root = build(case.machine, place)
    for name in ("Win10.iso", "virtio-win.iso"):
        _file(f"{IMAGES}/{name}", b"")(root)
    for prepare in case.prepare:
        prepare(root)
    return root
