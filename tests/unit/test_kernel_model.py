"""The model of the kernel answers writes as a real one was seen to (shared lab: errno of sysfs writes)."""

from __future__ import annotations

import pathlib

import pytest

from tests.kernel.pieces import function, host_of
from tests.machines.parts import Link
from tests.trees import difference, snapshot
from vdesk.host import Host
from vdesk.model.errors import Absent, Busy, HostError

GPU, SOUND, PORT = "0000:01:00.0", "0000:01:00.1", "0000:00:01.0"
DEVICES, DRIVERS = "sys/bus/pci/devices", "sys/bus/pci/drivers"
PROBE = "sys/bus/pci/drivers_probe"


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    """A card without driver, its sound function with one, the port above them."""
    alias = "alias pci:v00008086d00001234sv*sd*bc03sc00i* nouveau\n"
    return host_of(
        tmp_path,
        function(PORT, "060400", driver="pcieport"),
        function(GPU, "030000", PORT, modalias="pci:v00008086d00001234sv00000000sd00000000bc03sc00i00"),
        function(SOUND, "040300", PORT, driver="snd_hda_intel", driver_override="(null)"),
        {f"{DRIVERS}/nouveau/bind": "", f"{DRIVERS}/other/bind": "", PROBE: ""},
        {"proc/sys/kernel/osrelease": "6.12\n", "lib/modules/6.12/modules.alias": alias},
    )


def driver(host: Host, address: str) -> str | None:
    return host.link_name(f"{DEVICES}/{address}/driver")


def errno_of(error: HostError) -> str:
    return error.cause.rpartition("(")[2].rstrip(")")


def test_the_sequence_of_a_binding(host: Host) -> None:
    host.sysfs_write(f"{DEVICES}/{SOUND}/driver_override", "vfio-pci\n")
    assert (driver(host, SOUND), host.value(f"{DEVICES}/{SOUND}/driver_override")) == ("snd_hda_intel", "vfio-pci")
    host.sysfs_write(PROBE, SOUND)
    assert driver(host, SOUND) == "snd_hda_intel", "drivers_probe does nothing while a driver is bound"
    host.sysfs_write(f"{DEVICES}/{SOUND}/driver/unbind", SOUND)
    assert driver(host, SOUND) is None and host.list(f"{DRIVERS}/snd_hda_intel") == []
    host.sysfs_write(PROBE, SOUND)
    assert driver(host, SOUND) == "vfio-pci"
    assert host.resolve(f"{DRIVERS}/vfio-pci/{SOUND}") == host.resolve(f"{DEVICES}/{SOUND}")
    host.sysfs_write(f"{DEVICES}/{SOUND}/driver_override", "\n")
    assert host.value(f"{DEVICES}/{SOUND}/driver_override") == "(null)"


@pytest.mark.parametrize("override", ["none", "no_such_driver", "../../../../tmp/x", "a/b"])
def test_a_probe_that_binds_nothing_succeeds(host: Host, override: str) -> None:
    before = snapshot(host.root)
    host.sysfs_write(f"{DEVICES}/{GPU}/driver_override", override)
    host.sysfs_write(PROBE, GPU)
    assert driver(host, GPU) is None
    assert difference(before, snapshot(host.root)).added == [f"sys/devices/pci0000:00/{PORT}/{GPU}/driver_override"]


def test_without_an_override_the_module_that_claims_the_device_binds(host: Host) -> None:
    host.sysfs_write(PROBE, GPU)
    assert driver(host, GPU) == "nouveau"


def test_bridges_are_refused_by_vfio_pci(host: Host) -> None:
    with pytest.raises(Busy) as held:
        host.sysfs_write(f"{DRIVERS}/vfio-pci/bind", PORT)
    assert errno_of(held.value) == "EBUSY"
    host.sysfs_write(f"{DRIVERS}/pcieport/unbind", PORT)
    host.sysfs_write(f"{DEVICES}/{PORT}/driver_override", "vfio-pci")
    with pytest.raises(HostError) as refused:
        host.sysfs_write(f"{DRIVERS}/vfio-pci/bind", PORT)
    assert errno_of(refused.value) == "EINVAL"
    host.sysfs_write(PROBE, PORT)
    assert driver(host, PORT) is None


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{DRIVERS}/other/unbind", SOUND),
        (f"{DRIVERS}/other/unbind", "0000:7f:00.0"),
        (f"{DRIVERS}/other/unbind", "../x"),
        (f"{DRIVERS}/other/bind", "nonsense"),
        (PROBE, "0000:7f:00.0"),
        (PROBE, ""),
    ],
)
def test_what_is_not_there_is_enodev(host: Host, path: str, text: str) -> None:
    with pytest.raises(HostError) as error:
        host.sysfs_write(path, text)
    assert errno_of(error.value) == "ENODEV"


def test_an_attribute_of_no_device_is_absent(host: Host) -> None:
    for path in (f"{DEVICES}/0000:7f:00.0/driver_override", f"{DEVICES}/{GPU}/no_such"):
        with pytest.raises(Absent):
            host.sysfs_write(path, "x")


def test_a_function_with_virtual_functions_is_refused(tmp_path: pathlib.Path) -> None:
    host = host_of(tmp_path, function(GPU, "020000", sriov_numvfs="2", driver_override="vfio-pci"), {PROBE: ""})
    host.sysfs_write(PROBE, GPU)
    assert driver(host, GPU) is None


def test_hostile_links_are_no_drivers(tmp_path: pathlib.Path) -> None:
    pieces = function(GPU, "030000") | {f"sys/devices/pci0000:00/{GPU}/driver": Link("../..")}
    host = host_of(tmp_path, pieces)
    with pytest.raises(HostError) as error:
        host.sysfs_write(f"{DRIVERS}/x/unbind", GPU)
    assert errno_of(error.value) == "ENODEV"
