"""kernel.cmdline and the readers below it: which word is wrong, how bad it is, and what helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scenes import GONE, Scene, Stage, booted
from vdesk.boot.detect import LOADER_GUID
from vdesk.host import captured, cmdline
from vdesk.model.finding import Finding


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Return where machines are laid out, each once."""
    return Stage(tmp_path_factory.mktemp("machines"))


def about(stage: Stage, scene: Scene, id: str = "kernel.cmdline") -> Finding:
    """Return the finding about the arguments of that boot."""
    return next(each for each in stage.look(scene).findings if each.id == id)


@pytest.mark.parametrize(
    ("words", "level", "said"),
    [
        ("intel_iommu=on iommu=pt", "ok", "booted with intel_iommu=on iommu=pt"),
        ("intel_iommu=on,igfx_off", "ok", "intel_iommu=on,igfx_off"),
        ("quiet splash", "ok", "none is needed"),
        ("-- nomodeset", "ok", "none is needed"),
        ("intel_iommu=pt", "warn", "sudo vdesk iommu enable (--pt where iommu=pt is wanted)"),
        ("intel_iommu=on,pt", "warn", "intel_iommu=pt"),
        ("intel_iommu=yes", "warn", "no value yes"),
        ("intel_iommu=off intel_iommu=on", "warn", "the last one wins: on"),
        ("amd_iommu=on", "warn", "AMD's IOMMU needs no argument"),
        ("iommu=1", "info", "the kernel ignores it"),
        ("pcie_acs_override=downstream,multifunction", "warn", "does not keep apart"),
        ("nomodeset", "warn", "nomodeset"),
        ("nointremap", "warn", "interrupt remapping"),
        ("vfio_iommu_type1.allow_unsafe_interrupts=1", "warn", "disturb the host"),
        ("vfio-iommu-type1.allow-unsafe-interrupts=1", "warn", "disturb the host"),
        ("vfio_iommu_type1.allow_unsafe_interrupts=0", "ok", "none is needed"),
        ("video=efifb:off", "info", "6.0"),
        ("video=HDMI-A-1:1920x1080", "ok", "none is needed"),
        ("initcall_blacklist=sysfb_init", "info", "6.0"),
        ("vfio-pci.ids=10de:1402,10de:0fba", "warn", "0000:01:00.0, 0000:01:00.1"),
        ("vfio-pci.ids=8086:1912", "fail", "the card that shows the desktop (0000:00:02.0)"),
        ("vfio-pci.ids=144d:a808", "fail", "the controller of a disk that this machine uses (0000:03:00.0)"),
        ("vfio-pci.ids=8086:a12f", "fail", "its last keyboard or pointer (0000:00:14.0)"),
        ("vfio-pci.ids=10de:1402:ffff:8591", "info", "no device of this machine"),
        ("vfio-pci.ids=10de:1402:1043", "warn", "0000:01:00.0"),
        ("vfio_pci.ids=dead:beef", "info", "no device of this machine"),
    ],
)
def test_an_argument(stage: Stage, words: str, level: str, said: str) -> None:
    found = about(stage, booted("debian", *words.split()))
    assert found.level == level, found
    assert said in " ".join(found)


@pytest.mark.parametrize(
    ("edits", "level"),
    [
        ({}, "info"),
        ({"proc/sys/kernel/osrelease": "5.15.0-91-generic\n"}, "ok"),
        ({"proc/sys/kernel/osrelease": "6.0.0\n"}, "info"),
        ({"proc/sys/kernel/osrelease": "?\n"}, "ok"),
        ({"sys/bus/pci/devices/0000:01:00.0/class": "0x038000\n"}, "ok"),
        ({"sys/bus/pci/devices/0000:01:00.0/class": "0x030200\n"}, "info"),
    ],
)
def test_where_the_firmwares_framebuffer_leaves_by_itself(stage: Stage, edits: dict[str, str], level: str) -> None:
    """Before 6.0, and on a display controller that is no VGA card, somebody has to keep it off."""
    found = about(stage, Scene("debian", {"proc/cmdline": "ro video=efifb:off\n", **edits}))
    assert found.level == level, found


def test_equal_cards_by_id(stage: Stage) -> None:
    """One id, two cards: both would go."""
    found = about(stage, booted("identical-gpus", "vfio-pci.ids=10de:1c03"))
    assert found.level == "fail" and "0000:01:00.0" in found.cause and "0000:02:00.0" in found.cause


@pytest.mark.parametrize("word", ["iommu=off", "iommu=pt,off"])
def test_iommu_off_is_taken_out_by_hand(stage: Stage, word: str) -> None:
    found = about(stage, booted("off-in-kernel", word))
    assert found.level == "fail" and f"take {word} out of /etc/default/grub" in found.remedy


def test_amd_switched_off(stage: Stage) -> None:
    edits = {"proc/cmdline": "ro amd_iommu=off\n", "sys/class/iommu/ivhd0": "\0gone"}
    found = about(stage, Scene("amd-two-ccx", edits))
    assert found.level == "fail" and "amd_iommu=off" in found.cause and "vdesk iommu enable" not in found.remedy


def test_intels_argument_on_amd(stage: Stage) -> None:
    found = about(stage, booted("amd-two-ccx", "intel_iommu=on"))
    assert found.level == "info" and "does nothing" in found.cause


def test_the_worst_comes_first_and_all_are_told(stage: Stage) -> None:
    found = about(stage, booted("debian", "iommu=1", "nomodeset", "intel_iommu=pt"))
    assert found.level == "warn" and "iommu=1" not in found.title
    assert all(word in found.cause for word in ("iommu has no value 1", "nomodeset", "iommu=pt was meant"))


@pytest.mark.parametrize(
    ("distribution", "command"),
    [
        ("ID=ubuntu\nID_LIKE=debian\n", "sudo update-grub"),
        ("ID=fedora\n", "sudo grubby --update-kernel=ALL --remove-args=nomodeset"),
        ("ID=opensuse-tumbleweed\nID_LIKE='opensuse suse'\n", "sudo update-bootloader --del-option nomodeset"),
        ("ID=arch\n", "sudo grub-mkconfig -o /boot/grub/grub.cfg"),
    ],
)
def test_taking_out_is_the_distributions_way(stage: Stage, distribution: str, command: str) -> None:
    tool = "usr/sbin/update-grub" if "ubuntu" not in distribution else "usr/bin/pacman"
    scene = Scene("debian", {"proc/cmdline": "ro nomodeset\n", "etc/os-release": distribution, tool: GONE})
    assert command in about(stage, scene).remedy


def info(name: str, text: str) -> dict[str, bytes]:
    """An EFI variable of the boot loader interface."""
    return {f"sys/firmware/efi/efivars/{name}-{LOADER_GUID}": b"\6\0\0\0" + text.encode("utf-16-le")}


LOADERS: list[tuple[dict[str, str | bytes], str, str]] = [
    ({"run/ostree-booted": ""}, "rpm-ostree kargs --append-if-missing=intel_iommu=on", "kargs --delete-if-present={}"),
    ({"etc/NIXOS": ""}, 'boot.kernelParams = [ "intel_iommu=on" ]', "take {} out of boot.kernelParams"),
    (
        {"usr/bin/kernelstub": "", "etc/kernelstub/configuration": "{}"},
        "kernelstub -a 'intel_iommu=on'",
        "sudo kernelstub -d {}",
    ),
    ({**info("StubInfo", "stub 257"), "usr/bin/mkinitcpio": ""}, "ro x intel_iommu=on; then rebuild", "ro x; then"),
    ({**info("LoaderInfo", "systemd-boot 257")}, "ro x intel_iommu=on; then run", "has none: ro x; then"),
    ({**info("LoaderInfo", "Limine 9")}, "to the cmdline of the entry in limine.conf", "take {} out of the cmdline"),
    ({**info("LoaderInfo", "rEFInd 0.14")}, '"Boot with standard options" "ro x intel', 'standard options" "ro x"'),
    ({"etc/kernel/proxmox-boot-uuids": ""}, "sudo proxmox-boot-tool refresh", "sudo proxmox-boot-tool refresh"),
    ({"usr/bin/pveversion": ""}, "add intel_iommu=on to GRUB_CMDLINE", "take {} out of /etc/default/grub, then"),
    ({"boot/limine.conf": ""}, "bootctl status; then add intel_iommu=on", "bootctl status; then take {} out of its"),
]


@pytest.mark.parametrize(("files", "adds", "takes"), LOADERS)
def test_the_way_is_the_loaders(stage: Stage, files: dict[str, str | bytes], adds: str, takes: str) -> None:
    """Not the distribution's: Pop!_OS has no update-grub that counts, and `vdesk iommu enable` would be refused."""
    without = Scene("off-in-kernel", {"proc/cmdline": "ro x\n", **files})
    for id in ("kernel.iommu", "kernel.cmdline"):
        remedy = about(stage, without, id).remedy
        assert adds in remedy and "vdesk iommu enable" not in remedy, remedy
    for word in ("nomodeset", "vfio_pci.ids=dead:beef", "intel_iommu=pt", "intel_iommu=yes"):
        found = about(stage, Scene("debian", {"proc/cmdline": f"ro x {word}\n", **files}))
        assert takes.format(word) in found.remedy and "vdesk iommu enable" not in found.remedy, found.remedy


@pytest.mark.parametrize(("words", "now"), [("on,pt", "on"), ("on,yes", "on"), ("off,on", "on")])
def test_a_part_goes_and_the_others_stay(stage: Stage, words: str, now: str) -> None:
    """The tools take whole arguments: with `intel_iommu=on,yes` its `on` would go too."""
    files = {"run/ostree-booted": "", "proc/cmdline": f"ro intel_iommu={words}\n"}
    found = about(stage, Scene("debian", files)).remedy
    assert f"write intel_iommu={now} in place of intel_iommu={words} where the boot loader keeps it" in found


@pytest.mark.parametrize("text", ["intel_iommu=on", "quiet"])
def test_what_another_loader_left_is_not_generated(stage: Stage, text: str) -> None:
    """A grub.cfg that nobody reads: no reboot makes its argument count."""
    entry = f"menuentry 'a' {{\n\tlinux\t/vmlinuz root=/dev/sda1 ro {text}\n}}\n"
    files: dict[str, str | bytes] = {"boot/grub/grub.cfg": entry, **info("LoaderInfo", "systemd-boot 257")}
    assert "kernel-install add-all" in about(stage, Scene("article", files), "kernel.iommu").remedy


@pytest.mark.parametrize(
    ("distribution", "command"),
    [
        ("ID=ubuntu\n", "sudo apt install swtpm swtpm-tools"),
        ("ID=fedora\n", "sudo dnf install swtpm swtpm-tools"),
        ("ID=manjaro\nID_LIKE=arch\n", "sudo pacman -S swtpm"),
        ("ID=opensuse-leap\nID_LIKE='suse opensuse'\n", "sudo zypper install swtpm"),
        ("ID=gentoo\n", "with your package manager"),
    ],
)
def test_packages_have_the_distributions_names(stage: Stage, distribution: str, command: str) -> None:
    scene = Scene("no-tpm", {"etc/os-release": distribution})
    assert command in about(stage, scene, "software.tpm").remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b=c\n", ("a", "b=c")),
        ('a="b c" d', ("a=b c", "d")),
        ('"a b"=c', ("a b=c",)),
        ('a="b c', ("a=b c",)),
        ("a -- b", ("a",)),
        ("\n", ()),
    ],
)
def test_words_as_the_kernel_splits_them(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text(text)
    assert cmdline.booted(captured(str(tmp_path))) == words


def test_what_is_generated_only_wants_a_reboot(stage: Stage) -> None:
    """After `vdesk iommu enable` nobody is sent to it again."""
    entry = "menuentry 'a' {\n\tlinux\t/vmlinuz root=/dev/sda1 ro quiet intel_iommu=on\n}\n"
    scene = Scene("article", {"boot/grub/grub.cfg": entry})
    for id in ("kernel.iommu", "kernel.cmdline"):
        found = about(stage, scene, id)
        assert found.remedy.startswith("reboot: /boot/grub/grub.cfg has intel_iommu=on"), found


@pytest.mark.parametrize(
    ("words", "off"),
    [
        ("intel_iommu=on intel_iommu=off", "intel_iommu=off"),
        ("intel_iommu=off intel_iommu=on,igfx_off", ""),
        ("iommu=off iommu=pt", "iommu=off"),
        ("amd_iommu=off", ""),
        ("-- intel_iommu=off", ""),
    ],
)
def test_what_switches_it_off(stage: Stage, words: str, off: str) -> None:
    """The last of intel_iommu= wins, iommu=off stays, AMD's argument does nothing on Intel."""
    found = about(stage, booted("off-in-kernel", *words.split()), "kernel.iommu")
    assert (f"booted with {off}" in found.cause) if off else ("=off" not in found.cause)
