"""What `vdesk create` refuses: before anything is written, with an exit code and an id, and no definition on stdout."""

from __future__ import annotations

import shlex
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.trees import difference, snapshot
from tests.unit.vm_cases import IMAGES, MASKED, Case, in_memory, lay_out

Prepare = tuple[Callable[[Path], None], ...]


def _write(path: str, data: bytes) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)

    return put


def _link(path: str, target: str) -> Callable[[Path], None]:
    def put(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)

    return put


VIRTIO = f"/{IMAGES}/virtio-win.iso"
JUNK = _write(f"{IMAGES}/junk.iso", b"x" * 80000)
DEFINED = _write("etc/libvirt/qemu/hoth.xml", b"<domain/>")
TAKEN = _write(f"{IMAGES}/hoth.img", b"")
VMDK = _write("srv/old.vmdk", b"KDMV" + bytes(508))
CAPABILITIES = "<domainCapabilities>{}<devices><tpm supported='no'/></devices></domainCapabilities>"


def _capable(os: str) -> Callable[[Path], None]:
    return _write("run/vdesk/domcapabilities.xml", CAPABILITIES.format(os).encode())


NO_FIRMWARE = _capable("<os><enum name='firmware'/></os>")
NO_TPM = _capable("")

# machine, options, exit code, id, what is prepared
REFUSED: list[tuple[str, str, int, str, Prepare]] = [
    ("debian", "--iso /none.iso", 2, "usage.no-file", ()),
    ("debian", f"--iso /{IMAGES}/junk.iso", 2, "usage.no-iso", (JUNK,)),
    ("debian", f"--virtio-iso /{IMAGES}/junk.iso", 2, "usage.no-iso", (JUNK,)),
    ("debian", "--rom /none.rom", 2, "usage.no-file", ()),
    ("debian", "--rom /etc/passwd --gpu none", 2, "usage.rom", ()),
    ("debian", "--disk /none.img", 2, "usage.no-file", ()),
    ("debian", f"--disk /{IMAGES}/Win10.iso", 2, "usage.disk-is-disc", ()),
    ("debian", "--disk /srv/disc.iso", 2, "usage.disk-is-disc", (_link("srv/disc.iso", f"/{IMAGES}/Win10.iso"),)),
    ("debian", f"--virtio-iso {VIRTIO} --disk {VIRTIO}", 2, "usage.disk-is-disc", ()),
    ("debian", "--disk /etc/passwd", 3, "vm.disk-of-system", ()),
    ("debian", "--disk /srv/x.img", 3, "vm.disk-of-system", (_link("srv/x.img", "/etc/passwd"),)),
    ("debian", "--disk /boot/initrd.img", 3, "vm.disk-of-system", (_write("boot/initrd.img", b"x"),)),
    ("debian", "--disk /var/lib/dpkg/status", 3, "vm.disk-of-system", (_write("var/lib/dpkg/status", b"x"),)),
    ("debian", "--disk 64", 2, "usage.size", ()),
    ("debian", "--disk 900TiB", 3, "vm.space", ()),
    ("debian", "--disk /srv/old.vmdk", 2, "usage.disk-format", (VMDK,)),
    ("debian", "--disk /dev/nvme0n1", 3, "vm.disk-in-use", ()),
    ("lvm-crypt-raid", "--disk /dev/dm-0", 3, "vm.disk-in-use", ()),
    ("debian", "", 3, "vm.disk-exists", (TAKEN,)),
    ("debian", "", 2, "usage.vm-exists", (DEFINED,)),
    ("debian", "--memory 900GiB", 3, "vm.memory", ()),
    ("debian", "--memory 8", 2, "usage.size", ()),
    ("debian", "--memory 8191MiB --hugepages", 2, "usage.hugepages", ()),
    ("debian", "--cpus 64", 3, "vm.cpus", ()),
    ("debian", "--cpus 0", 2, "usage.cpus", ()),
    ("debian", "--pin --cpus 7", 3, "vm.pin", ()),
    ("debian", "--machine i440fx --secure-boot", 2, "usage.machine", ()),
    ("debian", "--machine i440fx --os win11", 2, "usage.machine", ()),
    ("debian", "--looking-glass 1920", 2, "usage.resolution", ()),
    ("debian", "--usb 046d", 2, "usage.usb", ()),
    ("debian", "--network a/b", 2, "usage.network", ()),
    ("debian", "--unattended /etc/passwd", 2, "usage.unattended", ()),
    ("debian", "--gpu 07:00.0", 2, "usage.no-device", ()),
    ("debian", "--gpu 02:00.0", 2, "usage.no-gpu", ()),
    ("debian", "--gpu 1", 2, "usage.address", ()),
    ("debian", "--device 07:00.0", 2, "usage.no-device", ()),
    ("debian", "--device 00:01.0", 3, "rule.bridge", ()),
    ("debian", "--gpu 00:02.0", 3, "rule.host-display", ()),
    ("debian", "--force group", 2, "usage.force", ()),
    ("debian", "--force nonsense", 2, "usage.force", ()),
    ("single-gpu", "", 3, "vm.no-gpu", ()),
    ("no-iommu", "", 3, "vm.no-gpu", ()),
    ("no-iommu", "--gpu 01:00.0", 3, "rule.iommu-off", ()),
    ("shared-group", "--gpu 01:00.0", 3, "rule.group", ()),
    ("intel-hybrid", "", 3, "rule.in-use", ()),
    ("debian", "", 3, "vm.firmware", (NO_FIRMWARE,)),
    ("debian", "--tpm", 3, "vm.firmware", (NO_TPM,)),
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    yield from in_memory()


@pytest.mark.parametrize(
    ("machine", "options", "code", "id", "prepare"), REFUSED, ids=[f"{each[0]} {each[1]}" for each in REFUSED]
)
def test_refused(machine: str, options: str, code: int, id: str, prepare: Prepare, folder: Path) -> None:
    root = lay_out(Case(machine, options, prepare), folder)
    before = snapshot(root / "var"), snapshot(root / "etc")
    iso = "" if "--iso" in options.split() else f"--iso /{IMAGES}/Win10.iso"
    line = shlex.split(f"create hoth {iso} {options}")
    for more in (["--print-xml"], ["--yes"]):
        ran = on(root, *line, *more)
        assert (ran.code, ran.out) == (code, ""), ran.err
        assert f"[{id}]" in ran.err
    ran = on(root, *line, "--json")
    assert id in ran.errors
    assert not difference(before[0], snapshot(root / "var")) and not difference(before[1], snapshot(root / "etc"))


@pytest.mark.parametrize(("os", "told"), [("win11", 2), ("linux --secure-boot", 1), ("win10", 0)])
def test_secure_boot_without_keys_is_told(os: str, told: int, folder: Path) -> None:
    """Where no firmware has them enrolled libvirt finds none; Windows 11 goes without, and that is said."""
    root = lay_out(Case("article-booted", "", (MASKED,)), folder)
    ran = on(root, "create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--os", *os.split(), "--print-xml", "--json")
    data = ran.envelope["data"]
    assert (ran.code, sum("Secure Boot" in each for each in data["warnings"])) == (0, told)
    assert "enrolled-keys" not in data["xml"] and ("enabled=\"yes\" name=\"secure-boot\"" in data["xml"]) is bool(told)


@pytest.mark.parametrize(("machine", "told"), [("single-gpu", True), ("no-iommu", False), ("shared-group", False)])
def test_the_only_card_is_the_desktops(machine: str, told: bool, folder: Path) -> None:
    """--single-gpu is named where it would do: with one card, and an IOMMU."""
    ran = on(lay_out(Case(machine, ""), folder), "create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--json")
    (error,) = ran.envelope["errors"]
    assert error["id"] == "vm.no-gpu" and ("--single-gpu" in error["remedy"]) is told


def test_a_tree_that_leads_outside(folder: Path) -> None:
    root = lay_out(Case("debian", "", (_link(f"{IMAGES}/out.iso", "../../../../../../../../etc/passwd"),)), folder)
    assert on(root, "create", "hoth", "--iso", f"/{IMAGES}/out.iso", "--print-xml").code == 2


@pytest.mark.parametrize(
    ("machine", "options"),
    [("debian", "--force host-display --force in-use --gpu 00:02.0"), ("intel-hybrid", "--force in-use")],
)
def test_forced(machine: str, options: str, folder: Path) -> None:
    root = lay_out(Case(machine, options), folder)
    ran = on(root, *shlex.split(f"create hoth --iso /{IMAGES}/Win10.iso {options} --print-xml"))
    assert ran.code == 0 and "overridden" in ran.err


def test_a_disk_that_names_another_file(folder: Path) -> None:
    """Not refused, for a person may have made it so, but said."""
    root = lay_out(Case("article-booted", ""), folder)
    name = b"/etc/shadow"
    head = b"QFI\xfb" + struct.pack(">IQI", 3, 512, len(name))
    (root / IMAGES / "old.qcow2").write_bytes(head.ljust(512, b"\0") + name)
    ran = on(root, *f"create hoth --iso /{IMAGES}/Win10.iso --disk /{IMAGES}/old.qcow2 --print-xml".split())
    assert ran.code == 0 and "old.qcow2 has a backing file, /etc/shadow" in ran.err


def test_several_cards_are_asked_about(folder: Path) -> None:
    """Without a terminal the choices are in the error."""
    from dataclasses import replace

    from tests.machines import builder

    machine = builder.machine("identical-gpus")
    root = builder.lay_out(builder.tree_of(replace(machine, cards=())), folder / "headless")
    for card in ("0000:01:00.0", "0000:02:00.0"):
        boot = root / f"sys/bus/pci/devices/{card}/boot_vga"
        boot.write_text("0\n")
    lay = root / IMAGES
    lay.mkdir(parents=True, exist_ok=True)
    (lay / "Win10.iso").write_bytes(b"")
    ran = on(root, "create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--print-xml")
    assert ran.code == 2 and "[vm.which-gpu]" in ran.err
    assert "0000:01:00.0" in ran.err and "0000:02:00.0" in ran.err


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("\U0001f600" * 62, ""),
        ("\U0001f600" * 61 + "ab", "--os win11"),
        ("\U0001f600" * 55, "--os win10 --unattended /answers.xml"),
    ],
    ids=["definition", "TPM", "answers"],
)
def test_a_name_that_no_file_could_have(name: str, options: str, folder: Path) -> None:
    """libvirt, swtpm and vdesk name files after the machine: told before anything is made, in a dry run too."""
    root = lay_out(Case("article-booted", ""), folder)
    (root / "answers.xml").write_text("<unattend/>")
    before = snapshot(root)
    line = ["create", name, "--iso", f"/{IMAGES}/Win10.iso", *options.split()]
    for more in ("--print-xml", "--dry-run", "--yes"):
        ran = on(root, *line, more)
        assert ran.code == 2 and "[usage.name]" in ran.err and "shorter" in ran.err, ran.err
    assert not difference(before, snapshot(root))
