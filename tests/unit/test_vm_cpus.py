"""`vdesk show NAME --cpus`: which vCPU is on which core, as data and as a picture."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.commands.running import on
from tests.machines.builder import build
from vdesk.host import captured
from vdesk.host.cpu_topology import parse_list
from vdesk.plans.vm_cpus import cpu_map
from vdesk.render import Output
from vdesk.render.text import Writer
from vdesk.render.views.vm_cpus import cpus

ISO = "/var/lib/libvirt/images/win10.iso"


def picture(found: dict[str, object]) -> list[str]:
    stream = io.StringIO()
    cpus(Writer(stream, Output()), found)
    return stream.getvalue().splitlines()


def made(root: Path, *words: str) -> dict[str, object]:
    """The map of the machine that `create` would define there."""
    ran = on(root, "create", "w", "--iso", ISO, "--gpu", "none", "--print-xml", *words)
    assert ran.code == 0, ran.err
    return cpu_map(captured(str(root)), ran.out)


@pytest.mark.parametrize("name", ["amd-two-ccx", "intel-hybrid", "debian"])
def test_every_vcpu_has_one_place(memory: Path, name: str) -> None:
    root = build(name, memory / "root")
    found = made(root, "--pin", "--cpus", "4")
    cores = found["cores"]
    assert isinstance(cores, list) and found["pinned"]
    vcpus = sorted(number for core in cores for numbers in core["vcpus"].values() for number in numbers)
    assert vcpus == list(range(len(vcpus))) and vcpus
    for core in cores:
        assert bool(core["vcpus"]) != ("host" in core["others"])
        assert not (core["vcpus"] and "emulator" in core["others"])
        assert core["fast"] or not core["vcpus"]
    assert sum("host" in core["others"] for core in cores) >= 2
    assert len({core["cache"] for core in cores if core["vcpus"]}) == 1


def test_the_picture(memory: Path) -> None:
    lines = picture(made(build("amd-two-ccx", memory / "root"), "--pin", "--cpus", "4"))
    assert lines[0].startswith("node     0, shared cache of CPU 0")
    assert any("##" in line and "vCPU 0 + vCPU 1" in line for line in lines)
    assert any(".." in line and "this machine + QEMU + disks" in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_the_picture_of_caches_that_differ(memory: Path) -> None:
    """A Ryzen X3D: the guest is where the 3D V-Cache is, and the picture says which that is."""
    root = build("amd-two-ccx", memory / "root")
    for cpu in (0, 1, 2, 3, 8, 9, 10, 11):
        (root / f"sys/devices/system/cpu/cpu{cpu}/cache/index3/size").write_text("98304K\n")
    ran = on(root, "create", "w", "--iso", ISO, "--gpu", "none", "--print-xml", "--pin", "--cpus", "6")
    assert "on the cores with the larger cache (96 MiB)" in ran.err
    found = cpu_map(captured(str(root)), ran.out)
    lines = picture(found)
    assert [line for line in lines if "MiB" in line] == [
        "node     0, shared cache of CPU 0 (96 MiB)",
        "node     0, shared cache of CPU 4 (16 MiB)",
    ]
    assert {core["cache_size"] >> 20 for core in found["cores"] if core["vcpus"]} == {96}
    assert not any("MiB" in line for line in picture(made(build("debian", memory / "even"), "--pin")))


def test_without_pinning_and_without_facts(memory: Path) -> None:
    root = build("debian", memory / "root")
    found = made(root)
    assert not found["pinned"] and "may run on every CPU" in picture(found)[0]
    assert picture({"pinned": False, "cores": []}) == ["cpus     the cores of this machine could not be read"]


def test_a_hostile_definition(memory: Path) -> None:
    """Numbers that are none, CPUs that are not there, two vCPUs on one CPU."""
    host = captured(str(build("debian", memory / "root")))
    pins = "".join(
        f"<vcpupin vcpu='{vcpu}' cpuset='{cpus}'/>" for vcpu, cpus in (("x", "1"), ("0", "2"), ("1", "2,99"))
    )
    found = cpu_map(host, f"<domain><cputune>{pins}<emulatorpin cpuset='0-70000'/></cputune></domain>")
    assert [core["vcpus"] for core in found["cores"] if core["vcpus"]] == [{"2": [0, 1]}]


def test_a_list_of_cpus_that_repeats_itself() -> None:
    """A captured tree may hold anything: no list fills the memory."""
    assert parse_list("0-3,8") == (0, 1, 2, 3, 8)
    assert parse_list(",".join(["0-65535"] * 8000)) == ()
