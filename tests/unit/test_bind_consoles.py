"""The text console and the boot's framebuffer around a binding: what is written, in which order, and all of it back."""

from __future__ import annotations

import errno
import pathlib

import pytest

from tests.kernel.binding import YES, bound, given_back, planned, undone
from tests.kernel.faulty import Fault, FaultyKernel, answers, binds_nothing, faulty, hangs
from tests.kernel.pieces import function, host_of, link, place
from tests.machines.parts import Tree
from tests.trees import difference, snapshot
from vdesk.changes import executor
from vdesk.host import Host
from vdesk.host.kernel_model import KernelModel

CARD, OTHER = "0000:01:00.0", "0000:00:02.0"
CONSOLE = "sys/devices/virtual/vtconsole/vtcon0"
EFI, SIMPLE = "efi-framebuffer", "simple-framebuffer"
OURS = ("var/lib/vdesk",)
FORCED = ("host-display",)
ATTRIBUTES = {"driver_override": "(null)", "d3cold_allowed": "1"}


def cards(driver: str = "nouveau", **more: str) -> Tree:
    """A card that is to be taken, and one that stays."""
    tree = function(CARD, "030000", group="1", **{"driver": driver} if driver else {}, **ATTRIBUTES, **more)
    tree |= function(OTHER, "030000", group="2", driver="i915")
    return tree | {f"sys/bus/pci/drivers/{each}": None for each in ("vfio-pci", "i915", *filter(None, [driver]))}


def console(bind: str = "1") -> Tree:
    tree: Tree = {f"{CONSOLE}/name": "(M) frame buffer device\n", f"{CONSOLE}/bind": f"{bind}\n"}
    dummy = CONSOLE.replace("vtcon0", "vtcon1")
    tree |= {f"{dummy}/name": "(S) dummy device\n", f"{dummy}/bind": "0\n"}
    return tree | link(_class(CONSOLE), CONSOLE) | link(_class(dummy), dummy)


def _class(path: str) -> str:
    return f"sys/class/vtconsole/{path.rpartition('/')[2]}"


def framebuffer(number: int, under: str) -> Tree:
    folder = f"{under}/graphics/fb{number}"
    tree: Tree = {f"{folder}/name": "a picture\n"}
    return tree | link(f"{folder}/device", under) | link(f"sys/class/graphics/fb{number}", folder)


def firmware(driver: str = EFI, under: str = "sys/devices/platform") -> Tree:
    """The platform device of the firmware's framebuffer, with its driver."""
    folder, name = f"{under}/{driver}.0", f"{driver}.0"
    tree: Tree = {f"{folder}/modalias": f"platform:{driver}\n"}
    tree |= link(f"sys/bus/platform/devices/{name}", folder)
    tree |= link(f"{folder}/driver", f"sys/bus/platform/drivers/{driver}")
    return tree | link(f"sys/bus/platform/drivers/{driver}/{name}", folder)


def kernel(version: str) -> Tree:
    return {"proc/sys/kernel/osrelease": f"{version}\n"}


def steps(host: Host) -> list[str]:
    return [change.summary for change in planned(host, CARD, force=FORCED).changes]


GOES, COMES = "vtcon0: the text console lets go of its framebuffer", "vtcon0: the text console takes its framebuffer"
TAKEN = f"{CARD}: nouveau -> vfio-pci"


@pytest.mark.parametrize("way", ["undo", "unbind"])
@pytest.mark.parametrize("other", [False, True], ids=["alone", "beside another"])
def test_the_console_leaves_and_comes_back(way: str, other: bool, tmp_path: pathlib.Path) -> None:
    """fbcon writes to the first framebuffer; where another card has one, the console goes on there."""
    fbs = framebuffer(0, place(CARD)) | (framebuffer(1, place(OTHER)) if other else {})
    host = host_of(tmp_path, cards(), console(), fbs)
    before = snapshot(host.root)
    assert steps(host) == [GOES, TAKEN, *[COMES] * other]
    assert planned(host, CARD, force=FORCED).changes[0].preview(host) == "/sys/class/vtconsole/vtcon0/bind <- 0\n"
    assert bound(host, CARD, force=FORCED).exit_code == 0
    assert host.value(f"{CONSOLE}/bind") == str(int(other))
    moved = difference(before, snapshot(host.root), OURS)
    mine = [f"{place(CARD)}/{name}" for name in ("d3cold_allowed", "driver", "driver_override")]
    assert moved.changed == [*mine, *[f"{CONSOLE}/bind"] * (not other)]
    assert moved.added == [f"sys/bus/pci/drivers/vfio-pci/{CARD}"]
    assert moved.removed == [f"sys/bus/pci/drivers/nouveau/{CARD}"]
    back = given_back(host, CARD) if way == "unbind" else undone(host)
    assert (back.exit_code, back.errors) == (0, [])
    assert not difference(before, snapshot(host.root), OURS)
    assert undone(host).notes == ["There is nothing to take back."]


def test_a_console_elsewhere_stays(tmp_path: pathlib.Path) -> None:
    """On another card's framebuffer, bound to nothing, or written by the VGA text console."""
    scenes: tuple[Tree, ...] = (
        console() | framebuffer(0, place(OTHER)) | framebuffer(1, place(CARD)),
        console("0") | framebuffer(0, place(CARD)),
        console(),
    )
    for number, scene in enumerate(scenes):
        host = host_of(tmp_path / str(number), cards(), scene)
        assert steps(host) == [TAKEN]


@pytest.mark.parametrize("way", ["undo", "unbind"])
@pytest.mark.parametrize("driver", [EFI, SIMPLE, "vesa-framebuffer"])
def test_the_boot_framebuffer(driver: str, way: str, tmp_path: pathlib.Path) -> None:
    """Off its driver before vfio-pci comes, and back after; the console on it as well."""
    fb = framebuffer(0, f"sys/devices/platform/{driver}.0")
    host = host_of(tmp_path, cards("", boot_vga="1"), console(), firmware(driver), fb, kernel("5.10.0"))
    before = snapshot(host.root)
    off = f"{driver}.0: the boot framebuffer leaves {CARD}"
    assert steps(host) == [GOES, off, f"{CARD}: no driver -> vfio-pci"]
    assert bound(host, CARD, force=FORCED).exit_code == 0
    moved = difference(before, snapshot(host.root), OURS)
    at = f"sys/devices/platform/{driver}.0/driver"
    assert moved.removed == [f"sys/bus/platform/drivers/{driver}/{driver}.0", at]
    back = given_back(host, CARD) if way == "unbind" else undone(host)
    assert (back.exit_code, back.errors) == (0, [])
    assert not difference(before, snapshot(host.root), OURS)


IOMEM = """\
00000000-00000000 : PCI Bus 0000:00
  00000000-00000000 : PCI Bus 0000:01
    00000000-00000000 : {0}
      00000000-00000000 : BOOTFB
        00000000-00000000 : simpledrm
    00000000-00000000 : 0000:00:1f.3
"""


def test_which_card_the_boot_framebuffer_is_on(tmp_path: pathlib.Path) -> None:
    """Its place below the card (6.9 and later), the memory it has, then the card that the machine booted on."""
    leaves = f"{SIMPLE}.0: the boot framebuffer leaves {CARD}"
    boot: Tree = {f"{place(OTHER)}/boot_vga": "1\n"}
    memory: Tree = {"proc/iomem": IOMEM.format(CARD)}
    other: Tree = {f"{place(CARD)}/boot_vga": "1\n", "proc/iomem": IOMEM.format(OTHER)}
    scenes: tuple[tuple[Tree, bool], ...] = (
        (firmware(SIMPLE, place(CARD)) | boot, True),
        (firmware(SIMPLE, place(OTHER)), False),
        (firmware(SIMPLE) | boot | memory, True),
        (firmware(SIMPLE) | other, False),
        (firmware(SIMPLE) | boot, False),
        (firmware(SIMPLE), False),
    )
    for number, (scene, mine) in enumerate(scenes):
        host = host_of(tmp_path / str(number), cards(), scene)
        assert (leaves in steps(host)) == mine, number


def test_a_boot_framebuffer_that_the_kernel_removes(tmp_path: pathlib.Path) -> None:
    """vfio-pci of Linux 6.0 and later unregisters its device: that it cannot come back is said, and is no failure."""
    host = host_of(tmp_path, cards("", boot_vga="1"), firmware(), kernel("6.12.0"))
    plan = planned(host, CARD, force=FORCED)
    assert f"{CARD}: the boot framebuffer on it goes ({EFI}.0); it is there again after a reboot" in plan.intro
    assert executor.run(plan, host, YES).exit_code == 0
    (tmp_path / f"sys/bus/platform/devices/{EFI}.0").unlink()
    said: list[str] = []
    from vdesk.changes import undoing
    from vdesk.changes.executor import Mode

    report = undoing.undo(host, None, True, Mode(yes=True, progress=said.append))
    assert (report.exit_code, report.errors) == (0, [])
    assert any("it is there again after the next boot" in each for each in said)


def test_another_has_the_memory_by_then(tmp_path: pathlib.Path) -> None:
    """EBUSY or ENODEV on the way back: a graphics driver shows its own picture there."""
    for number in (errno.EBUSY, errno.ENODEV):
        host = host_of(tmp_path / str(number), cards("", boot_vga="1"), firmware())
        assert bound(host, CARD, force=FORCED).exit_code == 0
        broken = FaultyKernel(host, f"{EFI}.0", f"{EFI}/bind", answers(number))
        report = undone(faulty(host, broken))
        assert (report.exit_code, report.errors) == (0, [])


@pytest.mark.parametrize(("number", "code"), [(errno.ENODEV, 1), (errno.ENOENT, 0), (errno.EIO, 1)])
def test_a_boot_framebuffer_that_does_not_go(number: int, code: int, tmp_path: pathlib.Path) -> None:
    """Gone while it was looked at is as good as off; that it is still there after all is not."""
    host = host_of(tmp_path, cards("", boot_vga="1"), firmware())
    before = snapshot(host.root)
    broken = faulty(host, FaultyKernel(host, f"{EFI}.0", f"{EFI}/unbind", _leaves(number)))
    assert executor.run(planned(broken, CARD, force=FORCED), broken, YES).exit_code == code
    moved = difference(before, snapshot(host.root), OURS)
    assert bool(moved.removed) != bool(code)


def _leaves(number: int) -> Fault:
    """ENOENT: the driver has gone meanwhile, with the device."""

    def fault(kernel: FaultyKernel, path: str, text: str) -> bool:
        if number == errno.ENOENT:
            KernelModel.write(kernel, path, text, 1.0)
        return answers(number)(kernel, path, text)

    return fault


def test_a_failure_later_gives_the_console_back(tmp_path: pathlib.Path) -> None:
    fb = framebuffer(0, f"sys/devices/platform/{EFI}.0")
    host = host_of(tmp_path, cards(boot_vga="1"), console(), firmware(), fb)
    before = snapshot(host.root)
    broken = faulty(host, FaultyKernel(host, CARD, "drivers_probe", binds_nothing))
    report = executor.run(planned(broken, CARD, force=FORCED), broken, YES)
    assert report.exit_code == 1 and [each.state for each in report.changes] == ["undone", "undone", "failed"]
    assert not difference(before, snapshot(host.root), OURS)


def test_a_console_that_stays_is_a_failure(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, cards(), console(), framebuffer(0, place(CARD)))
    before = snapshot(host.root)
    stuck = faulty(host, FaultyKernel(host, "vtcon0", "vtcon0/bind", binds_nothing, times=-1))
    report = executor.run(planned(stuck, CARD, force=FORCED), stuck, YES)
    assert (report.exit_code, [each.id for each in report.errors]) == (1, ["console.not-released"])
    assert not difference(before, snapshot(host.root), OURS)


def test_a_console_that_hangs(tmp_path: pathlib.Path) -> None:
    """Nothing hangs with it, and what the kernel does after its time is taken back there."""
    host = host_of(tmp_path, cards(), console(), framebuffer(0, place(CARD)))
    before = snapshot(host.root)
    stuck = FaultyKernel(host, "vtcon0", "vtcon0/bind", hangs)
    found = faulty(host, stuck)
    report = executor.run(planned(found, CARD, force=FORCED), found, YES)
    assert (report.exit_code, [each.id for each in report.errors]) == (1, ["console.held"])
    stuck.let_go()
    assert not difference(before, snapshot(host.root), OURS)


def test_after_a_reboot_nothing_is_written(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, cards(), console(), framebuffer(0, place(CARD)), {"proc/sys/kernel/random/boot_id": "a\n"})
    assert bound(host, CARD, force=FORCED).exit_code == 0
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text("b\n")
    assert undone(host).exit_code == 0
    assert host.value(f"{CONSOLE}/bind") == "0", "that boot's console is gone with it"
