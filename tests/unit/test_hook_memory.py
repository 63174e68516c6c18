"""The hook's huge pages and free CPUs: made and kept at the start, gone at the end, whatever the end is."""

from __future__ import annotations

import errno
import subprocess
import time
from pathlib import Path

import pytest

from tests.kernel.hooked import (
    CARD,
    MARK,
    SOUND,
    STATE,
    UUID,
    ModelMachine,
    call,
    domain,
    drivers,
    fails,
    hangs,
    log,
    put,
    small,
)
from tests.machines.parts import Tree
from vdesk.libvirt_hook.domain import Domain, numbers
from vdesk.libvirt_hook.memory import IN_PIECES, note_child
from vdesk.libvirt_hook.state import State

PAGES = "sys/kernel/mm/hugepages/hugepages-2048kB"
SLICES = ("system.slice", "user.slice", "init.scope")
SYSTEMCTL = """#!/bin/sh
root=${0%/usr/sbin/systemctl}
case $1 in
show) cat $root/allowed/$4 ;;
set-property) [ ! -e $root/refuse ] || { echo refused >&2; exit 1; }
    echo "$3 $4" >> $root/asked; echo "${4#AllowedCPUs=}" > $root/allowed/$3 ;;
esac
"""
BACKING = "<memory unit='KiB'>4194304</memory><memoryBacking><hugepages/></memoryBacking>"
PINS = "<cputune><vcpupin vcpu='0' cpuset='2'/><vcpupin vcpu='1' cpuset='6'/><emulatorpin cpuset='0'/></cputune>"


def tree(free: int = 0, total: int = 0, reserved: int = 0) -> Tree:
    """The small machine with 8 CPUs and this many huge pages."""
    numbers = {"nr_hugepages": total, "free_hugepages": free, "resv_hugepages": reserved}
    more = {f"{PAGES}/{name}": f"{count}\n" for name, count in numbers.items()}
    more |= {f"allowed/{each}": "\n" for each in SLICES}
    more |= {"proc/meminfo": "MemTotal: 16303844 kB\nHugepagesize:       2048 kB\n"}
    more |= {"proc/sys/vm/drop_caches": "", "proc/sys/vm/compact_memory": "", "usr/sbin/systemctl": SYSTEMCTL}
    more |= {"sys/devices/system/cpu/online": "0-7\n", "usr/sbin/modprobe": "#!/bin/sh\n"}
    return small(**more)


class Machine(ModelMachine):
    """The kernel makes as many pages as `most` allows."""

    most = 1 << 20

    def real_write(self, path: str, text: str) -> None:
        if path.startswith(("sys/kernel/mm", "proc/sys/vm")):
            number = min(int(text), self.most) if path.endswith("nr_hugepages") else text
            Path(self.place(path)).write_text(f"{number}\n")
        else:
            super().real_write(path, text)

    def count(self) -> int:
        """How many pages there are."""
        return int(self.text(f"{PAGES}/nr_hugepages"))

    def allowed(self) -> list[str]:
        """What the slices may use."""
        return [self.text(f"allowed/{each}") for each in SLICES]


@pytest.fixture
def found(memory: Path) -> Machine:
    """16 GiB, no huge page, 8 CPUs."""
    return Machine(put(tree(), memory))


def test_pages_are_made_and_let_go(found: Machine) -> None:
    assert (
        call(found, "prepare", domain(CARD, SOUND, more="").replace(b"<devices>", BACKING.encode() + b"<devices>")) == 0
    )
    assert found.count() == 2048 and drivers(found) == ["vfio-pci", "vfio-pci"]
    assert call(found, "release", domain(CARD, SOUND)) == 0
    assert found.count() == 0 and not found.exists(STATE)
    assert "made 2048 huge pages of 2 MiB" in log(found) and "let 2048 huge pages go" in log(found)


def with_memory(*functions: str, pins: str = "", uuid: str = UUID) -> bytes:
    return domain(*functions, uuid=uuid).replace(b"<devices>", f"{BACKING}{pins}<devices>".encode())


def test_pages_that_are_there_are_used(memory: Path) -> None:
    """A person's own stay; only what is missing is made, and only that goes."""
    at = Machine(put(tree(free=500, total=600, reserved=100), memory))
    assert call(at, "prepare", with_memory(CARD)) == 0
    assert at.count() == 600 + 2048 - 400
    assert call(at, "release", domain(CARD)) == 0
    assert at.count() == 600


def test_memory_in_pieces(found: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    """What could be made goes again, the devices were never touched, and the text says how many were missing."""
    found.most = 1000
    assert call(found, "prepare", with_memory(CARD, SOUND)) == 1
    assert "1000 of 2048 pages of 2 MiB" in capfd.readouterr().err
    assert found.count() == 0 and drivers(found) == ["", "snd_hda_intel"] and not found.exists(STATE)


def test_pages_go_when_the_devices_cannot_be_taken(memory: Path) -> None:
    at = Machine(put(tree(), memory), {"drivers_probe": fails(errno.EIO)})
    assert call(at, "prepare", with_memory(CARD, SOUND)) == 1
    assert at.count() == 0


def test_a_crash_before_the_end(found: Machine) -> None:
    """Never released: the next start makes no more, and its end lets all of them go."""
    assert call(found, "prepare", with_memory(CARD)) == 0
    (Path(found.place(PAGES)) / "free_hugepages").write_text("2048\n")
    assert call(found, "prepare", with_memory(CARD)) == 0
    assert found.count() == 2048
    assert call(found, "release", domain(CARD)) == 0
    assert found.count() == 0


def test_a_compaction_that_takes_too_long(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The start fails in time, and nothing makes the pages afterwards, when nobody remembers them."""
    at = Machine(put(tree(total=5), memory), {"compact_memory": hangs(2.5)})
    at.page_patience = 0.5
    begun = time.monotonic()
    assert call(at, "prepare", with_memory(CARD, SOUND)) == 1
    assert f"{IN_PIECES}: 0 of 2048 pages" in capfd.readouterr().err
    time.sleep(max(0.0, begun + 3.5 - time.monotonic()))
    assert at.count() == 5 and drivers(at) == ["", "snd_hda_intel"] and not at.exists(STATE)


def test_pages_that_come_slowly(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What was made until the time was over goes again."""

    def slowly(at: ModelMachine, path: str, text: str) -> bool:
        for _ in range(100):
            (Path(at.place(PAGES)) / "nr_hugepages").write_text(f"{at.text(f'{PAGES}/nr_hugepages')}0\n")
            time.sleep(2.0)
        return True

    at = Machine(put(tree(total=5), memory), {})
    at.page_patience = 0.5
    at.faults = {"nr_hugepages": lambda *given: given[2] == "2053" and slowly(*given)}
    assert call(at, "prepare", with_memory(CARD, SOUND)) == 1
    assert f"{IN_PIECES}: 45 of 2048 pages" in capfd.readouterr().err
    time.sleep(2.5)
    assert at.count() == 5 and not at.exists(STATE)


def test_pages_of_a_child_that_could_not_be_ended(found: Machine, capfd: pytest.CaptureFixture[str]) -> None:
    """It waits in the kernel: no new start, and what it makes later goes then, a person's own pages never."""
    child = subprocess.Popen(["sleep", "60"])
    state = State(found, UUID)
    Path(found.place(STATE)).parent.mkdir(parents=True, mode=0o700)
    state.pages = 2048
    note_child(state, child.pid, 5 + 2048)
    state.save()
    for phase in ("prepare", "release"):
        assert call(found, phase, with_memory(CARD, SOUND)) == 1
        assert f"process {child.pid} waits in the kernel" in capfd.readouterr().err and found.exists(STATE)
    child.kill()
    child.wait()
    (Path(found.place(PAGES)) / "nr_hugepages").write_text("1005\n")
    assert call(found, "release", domain(CARD)) == 0
    assert found.count() == 5 and not found.exists(STATE)
    assert "let 1000 huge pages go" in log(found)


def test_letting_go_that_takes_too_long(memory: Path) -> None:
    """Done after all: the next end counts, and lets no page of a person's own go."""
    at = Machine(put(tree(total=5), memory))
    assert call(at, "prepare", with_memory(CARD)) == 0 and at.count() == 2053
    state = State(at, UUID)
    note_child(state, 1 << 22, 2053)
    state.save()
    (Path(at.place(PAGES)) / "nr_hugepages").write_text("5\n")
    assert call(at, "release", domain(CARD)) == 0
    assert at.count() == 5 and not at.exists(STATE)


def test_a_kernel_without_huge_pages(memory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    at = Machine(put(tree() | {"proc/meminfo": "MemTotal: 1 kB\n"}, memory))
    assert call(at, "prepare", with_memory(CARD)) == 1
    assert "this kernel has none" in capfd.readouterr().err


def test_cpus_are_kept_free(found: Machine) -> None:
    """Also without a device: the mark is enough."""
    assert call(found, "prepare", domain().replace(b"<devices>", f"{PINS}<devices>".encode())) == 0
    assert found.allowed() == ["0 1 3 4 5 7"] * 3
    assert call(found, "release", domain()) == 0
    assert found.allowed() == ["", "", ""] and not found.exists(STATE)


def test_slices_that_were_narrowed_before(memory: Path) -> None:
    at = Machine(put(tree() | {"allowed/user.slice": "0-3\n"}, memory))
    xml = domain().replace(b"<devices>", f"{PINS}<devices>".encode())
    assert call(at, "prepare", xml) == 0 and call(at, "release", xml) == 0
    assert at.allowed() == ["", "0 1 2 3", ""]


def test_two_machines(found: Machine) -> None:
    """The second takes its own; the first's end leaves the second's alone; the last gives back what was before."""
    other = "6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c99"
    first = domain().replace(b"<devices>", f"{PINS}<devices>".encode())
    second = domain(uuid=other).replace(b"<devices>", b"<cputune><vcpupin vcpu='0' cpuset='4-5'/></cputune><devices>")
    assert call(found, "prepare", first) == 0 and call(found, "prepare", second) == 0
    assert found.allowed() == ["0 1 3 7"] * 3
    assert call(found, "release", first) == 0
    assert found.allowed() == ["0 1 2 3 6 7"] * 3
    assert call(found, "release", second) == 0
    assert found.allowed() == ["", "", ""]


def test_cpus_of_a_start_that_was_never_given_back(memory: Path) -> None:
    """Nobody called release, or it could not be done: the next end gives back what was before the first start."""
    at = Machine(put(tree() | {"allowed/user.slice": "0-3\n"}, memory))
    xml = domain().replace(b"<devices>", f"{PINS}<devices>".encode())
    other = domain().replace(b"<devices>", b"<cputune><vcpupin vcpu='0' cpuset='4-5'/></cputune><devices>")
    assert call(at, "prepare", xml) == 0 and call(at, "prepare", other) == 0
    assert at.allowed() == ["0 1 2 3 6 7"] * 3
    Path(at.place("refuse")).touch()
    assert call(at, "release", xml) == 1
    Path(at.place("refuse")).unlink()
    assert call(at, "prepare", xml) == 0 and call(at, "release", xml) == 0
    assert at.allowed() == ["", "0 1 2 3", ""] and not at.exists(STATE)


def test_a_systemd_that_refuses_stops_no_start(found: Machine) -> None:
    Path(found.place("refuse")).touch()
    xml = with_memory(CARD, SOUND, pins=PINS)
    assert call(found, "prepare", xml) == 0
    assert drivers(found) == ["vfio-pci", "vfio-pci"] and "AllowedCPUs of system.slice could not be set" in log(found)
    Path(found.place("refuse")).unlink()
    assert call(found, "release", xml) == 0 and found.allowed() == ["", "", ""]


@pytest.mark.parametrize("pins", ["0-7", "99", "x", "", "-1"])
def test_pins_that_leave_nothing_or_are_none(found: Machine, pins: str) -> None:
    xml = domain(CARD).replace(b"<devices>", f"<cputune><vcpupin cpuset='{pins}'/></cputune><devices>".encode())
    assert call(found, "prepare", xml) == 0 and not found.exists("asked")


@pytest.mark.parametrize(
    ("unit", "text", "size"),
    [("KiB", "4194304", 4 << 30), ("GiB", "4", 4 << 30), ("b", "4096", 4096), ("x", "1", 1024), ("KiB", "many", 0)],
)
def test_the_memory_of_a_domain(unit: str, text: str, size: int) -> None:
    xml = domain().replace(b"<devices>", f"<memory unit='{unit}'>{text}</memory><devices>".encode())
    assert Domain(xml).memory == size and not Domain(xml).hugepages


def test_lists_of_cpus() -> None:
    assert numbers("0-2,5 7") == [0, 1, 2, 5, 7] and numbers("a,1-,-2,3-1,999999") == []
    assert len(numbers("0-99999")) <= 8193


def test_a_state_that_somebody_wrote(found: Machine) -> None:
    """Only numbers and the three slices get into a command."""
    place = Path(found.place(STATE))
    place.parent.mkdir(parents=True)
    place.write_text(
        '{"functions": {}, "modules": [], "services": [], "pages": -5, "pins": ["2; reboot", 3],'
        ' "slices": {"system.slice": "0 x $(reboot)", "evil.slice": "1"}}'
    )
    state = State(found, UUID)
    assert (state.pages, state.pins, state.slices) == (0, [3], {"system.slice": "0"})
    assert MARK
