"""bind and unbind on a kernel that misbehaves: whatever happens, everything is put back, or what is left is named."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest

from tests.kernel.faulty import FaultyKernel, binds_nothing, busy, faulty, hangs, no_device, vanishes
from tests.machines.builder import build
from tests.trees import Snapshot, difference, snapshot
from vdesk.changes import executor, undoing
from vdesk.changes.executor import Mode
from vdesk.changes.journal import Journal
from vdesk.host import Host, captured
from vdesk.model.address import parse_address
from vdesk.model.report import Report
from vdesk.plans.bind import bind
from vdesk.plans.giving_back import unbind

YES = Mode(yes=True)
OURS = ("var/lib/vdesk",)
GPU, SOUND = "0000:01:00.0", "0000:01:00.1"


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    """A card on nouveau, its sound on snd_hda_intel. The plan takes the sound function first."""
    return captured(str(build("debian", tmp_path / "root")))


def bound(host: Host) -> Report:
    return executor.run(bind(host, [parse_address(GPU)]), host, YES)


def given_back(host: Host) -> Report:
    return executor.run(unbind(host, [parse_address(GPU)], undoing.entries(host)), host, YES)


def drivers(host: Host) -> list[str | None]:
    return [host.link_name(f"sys/bus/pci/devices/{address}/driver") for address in (GPU, SOUND)]


def ids(report: Report) -> list[str]:
    return [each.id for each in report.errors]


# name -> the write that goes wrong, how, and the error that is told
FAULTS: dict[str, tuple[str, str, Callable[[FaultyKernel, str, str], bool], str]] = {
    "the first driver is busy": (SOUND, "driver/unbind", busy, "host.busy"),
    "the second driver is busy": (GPU, "driver/unbind", busy, "host.busy"),
    "the driver has lost the device": (GPU, "driver/unbind", no_device, "host.error"),
    "the driver does not let go": (GPU, "driver/unbind", hangs, "driver.held"),
    "the first driver does not let go": (SOUND, "driver/unbind", hangs, "driver.held"),
    "the unbind does nothing": (GPU, "driver/unbind", binds_nothing, "driver.not-bound"),
    "the probe binds nothing": (GPU, "drivers_probe", binds_nothing, "driver.not-bound"),
    "the probe finds no device": (GPU, "drivers_probe", no_device, "host.error"),
    "the override is refused": (GPU, "driver_override", busy, "host.busy"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_failure_puts_everything_back(name: str, host: Host) -> None:
    address, at, fault, error = FAULTS[name]
    before = snapshot(host.root)
    kernel = FaultyKernel(host, address, at, fault)
    report = bound(faulty(host, kernel))
    assert (report.exit_code, ids(report)) == (1, [error])
    assert kernel.times == 0, "the fault was met"
    if kernel.stuck:
        kernel.let_go()
    assert drivers(host) == ["nouveau", "snd_hda_intel"]
    left = difference(before, snapshot(host.root), OURS)
    assert not left or kernel.late, left
    assert [entry.state for entry in Journal(host).entries()] == ["undone"]
    assert bound(host).exit_code == 0, "and the next try succeeds"


def test_a_driver_that_hangs_is_not_waited_for(host: Host) -> None:
    """What would wait for the device's lock is not tried; the stuck process gives the function back when it returns."""
    kernel = FaultyKernel(host, GPU, "driver/unbind", hangs)
    report = bound(faulty(host, kernel))
    assert report.exit_code == 1
    assert "nouveau did not let go of 0000:01:00.0" in report.errors[0].what
    assert "process 4711" in report.errors[0].cause
    unbind_at = max(index for index, (name, _) in enumerate(kernel.writes) if name == "unbind" and kernel.stuck)
    assert ("unbind", GPU) in kernel.writes
    assert [write for write in kernel.writes[unbind_at + 1 :] if write[1] in (GPU, "nouveau")] == []
    assert drivers(host) == [None, "snd_hda_intel"], "the others are back at once"
    kernel.let_go()
    assert drivers(host) == ["nouveau", "snd_hda_intel"]
    assert host.value(f"sys/bus/pci/devices/{GPU}/driver_override") == "(null)"


def without(tree: Snapshot, address: str) -> Snapshot:
    return {path: entry for path, entry in tree.items() if address not in path.split("/")}


@pytest.mark.parametrize("at", ["driver_override", "driver/unbind", "drivers_probe"])
@pytest.mark.parametrize("address", [GPU, SOUND])
def test_a_device_that_vanishes(at: str, address: str, host: Host) -> None:
    before = snapshot(host.root)
    kernel = FaultyKernel(host, address, at, vanishes)
    report = bound(faulty(host, kernel))
    assert report.exit_code == 1 and kernel.times == 0
    assert report.errors and all(each.remedy for each in report.errors)
    left = difference(without(before, address), without(snapshot(host.root), address), OURS)
    assert not left, left
    assert undoing.undo(host, None, True, YES).notes == ["There is nothing to take back."]


def test_a_device_that_vanished_between_plan_and_change(host: Host) -> None:
    plan = bind(host, [parse_address(GPU)])
    kernel = FaultyKernel(host, SOUND, "drivers_probe", vanishes, after=0)
    vanishes(kernel, "", "")
    with pytest.raises(Exception, match="not there any more"):
        executor.run(plan, host, YES)
    assert Journal(host).entries() == []


@pytest.mark.parametrize(("fault", "error"), [(busy, "host.busy"), (binds_nothing, "driver.not-bound")])
def test_a_way_back_that_fails_is_exit_5_and_can_be_tried_again(
    fault: Callable[[FaultyKernel, str, str], bool], error: str, host: Host
) -> None:
    """The second function fails, and then the first one's way back does too."""
    before = snapshot(host.root)
    second = FaultyKernel(host, GPU, "drivers_probe", binds_nothing)
    first = FaultyKernel(host, SOUND, "drivers_probe", fault, after=1)
    chained = _Both(second, first)
    report = executor.run(bind(host, [parse_address(GPU)]), Host(host.root, host.runner, chained), YES)
    assert report.exit_code == 5
    assert ids(report) == ["driver.not-bound", error]
    assert [each.state for each in report.changes] == ["skipped", "done", "failed"]
    assert drivers(host) == ["nouveau", None], "the second is back all the same"
    assert [entry.state for entry in Journal(host).entries()] == ["partly"]
    again = undoing.undo(host, None, True, YES)
    assert (again.exit_code, drivers(host)) == (0, ["nouveau", "snd_hda_intel"])
    assert not difference(before, snapshot(host.root), OURS)


class _Both(FaultyKernel):
    """Two faults in one kernel."""

    def __init__(self, outer: FaultyKernel, inner: FaultyKernel) -> None:
        super().__init__(Host(outer.tree.root), outer.address, outer.at, outer.fault)
        self.inner = inner

    def write(self, path: str, text: str, seconds: float, late: object = ()) -> None:
        if path.endswith(self.at) and text.strip() == self.address and self.times:
            self.times -= 1
            self.fault(self, path, text)
        else:
            self.inner.write(path, text, seconds)
            self.tree.forget()


@pytest.mark.parametrize("at", ["driver/unbind", "drivers_probe"])
def test_unbind_that_fails_leaves_the_card_on_vfio_pci(at: str, host: Host) -> None:
    bound(host)
    before = snapshot(host.root)
    report = given_back(faulty(host, FaultyKernel(host, SOUND, at, busy)))
    assert (report.exit_code, ids(report)) == (1, ["host.busy"])
    assert drivers(host) == ["vfio-pci", "vfio-pci"]
    assert not difference(before, snapshot(host.root), OURS)
    assert [entry.state for entry in Journal(host).entries()] == ["done", "undone"]
    assert given_back(host).exit_code == 0
    assert drivers(host) == ["nouveau", "snd_hda_intel"]


def test_ctrl_c_at_every_step_puts_everything_back(tmp_path: pathlib.Path) -> None:
    """Also between the writes of one function: the step that is open is taken back too."""
    for number in range(1, 40):
        host = captured(str(build("debian", tmp_path / str(number))))
        before = snapshot(host.root)

        def stop(place: str, reached: int, at: int = number) -> None:
            if reached == at:
                raise KeyboardInterrupt

        report = executor.run(bind(host, [parse_address(GPU)]), host, Mode(yes=True, reach=stop))
        if report.exit_code == 0:
            assert number > 8
            return
        assert report.exit_code == 130
        assert not difference(before, snapshot(host.root), OURS)
    raise AssertionError("never came to the end")
