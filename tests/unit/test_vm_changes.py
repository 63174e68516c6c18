"""The definition of a machine, its life, and taking it back: on libvirt's test driver."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.unit.vm_cases import IMAGES, in_memory
from vdesk.changes import undoing
from vdesk.changes.actions import Action, Actions, act
from vdesk.changes.domain_devices import fragment_of
from vdesk.changes.executor import Mode, run
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import connect
from vdesk.host.libvirt_limit import limited
from vdesk.host.libvirt_uri import allow
from vdesk.model.address import Address
from vdesk.model.errors import Refused, VdeskError, WrongUsage, problem
from vdesk.plans import vm, vm_attach, vm_delete, vm_life, vm_look
from vdesk.vm.defined import mark_without_install, read_defined
from vdesk.vm.spec import Request

TEST = "test:///default"
YES = Mode(yes=True)


# --- the definition, on libvirt's test driver


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    yield from in_memory()


@pytest.fixture
def host(folder: Path) -> Host:
    root = build("article-booted", folder / str(len(list(folder.iterdir()))))
    for name in ("Win10.iso", "virtio-win.iso"):
        (root / IMAGES).mkdir(parents=True, exist_ok=True)
        (root / IMAGES / name).write_bytes(b"")
    return captured(str(root))


NODE = """<node><domain type='test'><name>test</name><memory>8192</memory><os><type>hvm</type></os></domain>
<network><name>default</name><bridge name='virbr0'/></network></node>"""


@pytest.fixture
def uri(tmp_path: Path, host: Host) -> str:
    """Return the address of a test driver of this test's own: test:///default is one for the whole process."""
    (tmp_path / "node.xml").write_text(NODE)
    address = f"test://{tmp_path}/node.xml"
    allow(host, address)
    return address


def request(name: str = "hoth") -> Request:
    return Request(name, f"/{IMAGES}/Win10.iso")


def test_create_and_undo(host: Host, uri: str) -> None:
    report = run(vm.create(host, request(), uri), host, YES)
    assert [(change.kind, change.state) for change in report.changes] == [("disk", "skipped"), ("domain", "done")]
    found = connect(host, uri).find("hoth")
    assert found and not found.active and found.uuid in report.data["xml"]
    assert read_defined(found.xml).marked and read_defined(found.xml).gpu == "0000:01:00.0"
    assert not (Path(host.root) / IMAGES / "hoth.img").exists()
    assert undoing.undo(host, None, False, YES).exit_code == 0
    assert connect(host, uri).find("hoth") is None


def test_a_name_is_taken_once(host: Host, uri: str) -> None:
    plan, second = (vm.create(host, request(), uri) for _ in range(2))
    run(plan, host, YES)
    with pytest.raises(WrongUsage) as caught:
        vm.create(host, request(), uri)
    assert caught.value.problems[0].id == "usage.vm-exists"
    with pytest.raises(Refused) as late:
        run(second, host, YES)
    assert late.value.problems[0].id == "vm.exists", "also when it appeared after the plan was made"


def test_undo_leaves_another_machine_of_that_name(host: Host, uri: str) -> None:
    run(vm.create(host, request(), uri), host, YES)
    libvirt = connect(host, uri)
    libvirt.undefine("hoth")
    libvirt.define("<domain type='test'><name>hoth</name><memory>1024</memory><os><type>hvm</type></os></domain>")
    report = undoing.undo(host, None, False, YES)
    assert (report.exit_code, libvirt.find("hoth") is not None) == (5, True)


def test_a_running_machine_is_not_undone_or_deleted(host: Host, uri: str) -> None:
    run(vm.create(host, request(), uri), host, YES)
    libvirt = connect(host, uri)
    assert act(vm_life.start(host, libvirt, "hoth"), host, YES).exit_code == 0
    assert undoing.undo(host, None, False, YES).exit_code == 5
    with pytest.raises(Refused) as caught:
        vm_delete.delete(host, libvirt, "hoth", disks=False)
    assert caught.value.problems[0].id == "vm.running"
    assert libvirt.find("hoth")


def test_the_whole_life(host: Host, uri: str) -> None:
    run(vm.create(host, request(), uri), host, YES)
    libvirt = connect(host, uri)
    first = vm_life.start(host, libvirt, "hoth")
    assert [step.kind for step in first.steps] == ["start", "key"]
    assert act(first, host, YES).exit_code == 0
    assert vm_life.start(host, libvirt, "hoth").steps == [], "it runs already"
    rows = {row["name"]: row for row in vm_look.machines(host, libvirt)}
    assert (rows["hoth"]["state"], rows["hoth"]["vdesk"], rows["test"]["vdesk"]) == ("running", True, False)
    assert [each["address"] for each in rows["hoth"]["devices"]] == ["0000:01:00.0", "0000:01:00.1"]
    assert act(vm_life.stop(host, libvirt, "hoth", force=False, seconds=5), host, YES).exit_code == 0
    assert vm_life.stop(host, libvirt, "hoth", force=False).steps == []
    shown = vm_look.show(host, libvirt, "hoth")
    assert (shown["os"], shown["disks"]) == ("win10", [f"/{IMAGES}/hoth.img"])
    assert run(vm_delete.delete(host, libvirt, "hoth", disks=True), host, YES).exit_code == 0
    assert libvirt.find("hoth") is None
    undoing.undo(host, None, False, YES)
    assert libvirt.find("hoth"), "deleting a definition can be taken back"


def test_a_power_cut_is_asked_about(host: Host, uri: str) -> None:
    run(vm.create(host, request(), uri), host, YES)
    libvirt = connect(host, uri)
    act(vm_life.start(host, libvirt, "hoth"), host, YES)
    with pytest.raises(WrongUsage) as caught:
        act(vm_life.stop(host, libvirt, "hoth", force=True), host, Mode())
    assert caught.value.problems[0].id == "usage.confirmation"
    assert act(vm_life.stop(host, libvirt, "hoth", force=True), host, YES).exit_code == 0
    found = libvirt.find("hoth")
    assert found and not found.active


def test_disks_that_others_use_stay(host: Host, uri: str) -> None:
    run(vm.create(host, request(), uri), host, YES)
    libvirt = connect(host, uri)
    image = Path(host.root) / IMAGES / "hoth.img"
    image.write_bytes(b"x")
    plan = vm_delete.delete(host, libvirt, "hoth", disks=True)
    assert [change.target for change in plan.changes] == ["hoth", f"/{IMAGES}/hoth.img"]
    disk = f"<disk type='file'><source file='/{IMAGES}/hoth.img'/><target dev='vda'/></disk>"
    system = "<memory>1024</memory><os><type>hvm</type></os>"
    libvirt.define(f"<domain type='test'><name>other</name>{system}<devices>{disk}</devices></domain>")
    plan = vm_delete.delete(host, libvirt, "hoth", disks=True)
    assert [change.target for change in plan.changes] == ["hoth"] and "other uses it" in plan.notes[0]
    with pytest.raises(Refused) as caught:
        vm_delete.delete(host, libvirt, "other", disks=True)
    assert caught.value.problems[0].id == "vm.not-ours"


def test_the_first_start_alone_answers_the_disc(host: Host, uri: str) -> None:
    xml = vm.create(host, request(), uri).data["xml"]
    mark = mark_without_install(xml)
    assert mark and "install" not in mark and "0000:01:00.0" in mark and "hoth.img" in mark
    inner = mark.replace("<domain", '<vdesk:domain xmlns:vdesk="urn:vdesk:domain:1"', 1)
    assert inner != mark
    assert mark_without_install("<domain/>") is None


def test_fragments_of_a_definition(host: Host, uri: str) -> None:
    """What is detached is the element that the definition has, with its place in the guest."""
    xml = vm.create(host, request(), uri).data["xml"]
    found = fragment_of(xml, Address(0, 1, 0, 0))
    assert found and 'multifunction="on"' in found and 'bus="0x01"' in found
    assert fragment_of(xml, Address(0, 2, 0, 0)) is None


def test_attach_says_what_it_would_do(host: Host, uri: str) -> None:
    run(vm.create(host, request(), uri), host, YES)
    libvirt = connect(host, uri)
    assert vm_attach.attach(host, libvirt, "hoth", Address(0, 1, 0, 0)).changes == [], "it has it"
    assert vm_attach.detach(libvirt, "hoth", Address(0, 2, 0, 0)).changes == []
    (change,) = vm_attach.attach(host, libvirt, "hoth", Address(0, 2, 0, 0)).changes
    assert 'bus="0x02"' in change.preview(host) and 'type="pci" managed="yes"' in change.preview(host)
    (change,) = vm_attach.detach(libvirt, "hoth", Address(0, 1, 0, 1)).changes
    assert change.preview(host).startswith("-<hostdev")
    with pytest.raises(Refused) as caught:
        vm_attach.attach(host, libvirt, "hoth", Address(0, 0, 2, 0))
    assert "rule.host-display" in [each.id for each in caught.value.problems]


# --- what starting does when it fails


def test_a_failed_step_puts_back_the_ones_before(host: Host) -> None:
    seen = []

    def fail(progress: object) -> None:
        raise VdeskError(problem("libvirt.refused", "no", "because", "nothing"))

    steps = [
        Action("network", "a", "bring a up", lambda progress: seen.append("up"), lambda progress: seen.append("down")),
        Action("start", "b", "start b", fail),
    ]
    report = act(Actions("start", steps), host, Mode())
    assert (report.exit_code, seen) == (1, ["up", "down"])
    assert [change.state for change in report.changes] == ["undone", "failed"]
    dry = act(Actions("start", steps), host, Mode(dry_run=True))
    assert ([change.state for change in dry.changes], seen) == (["planned", "planned"], ["up", "down"])


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (None, 5)])
def test_what_a_running_machine_uses_stays(host: Host, error: BaseException | None, code: int) -> None:
    """Ctrl-C after the start, or a start that libvirt does not answer: the network stays up."""
    seen = []

    def fail(progress: object) -> None:
        raise error or VdeskError(problem("libvirt.timeout", "no answer", "because", "wait"))

    network = Action("network", "a", "bring a up", lambda progress: None, lambda progress: seen.append("down"))
    started = Action("start", "b", "start b", lambda progress: None, final=True)
    steps = (
        [network, started, Action("key", "b", "press", fail)]
        if error
        else [network, Action("start", "b", "start b", fail)]
    )
    report = act(Actions("start", steps), host, Mode())
    assert (report.exit_code, seen) == (code, [])


def test_a_call_has_a_time_limit() -> None:
    begin = time.monotonic()
    with pytest.raises(VdeskError) as caught:
        limited("wait", 0.1, lambda: time.sleep(3))
    assert (caught.value.problems[0].id, time.monotonic() - begin < 2) == ("libvirt.timeout", True)


def test_errors_of_libvirt_are_said_once(host: Host, uri: str, capfd: pytest.CaptureFixture[str]) -> None:
    libvirt = connect(host, uri)
    with pytest.raises(VdeskError) as caught:
        libvirt.define("<domain/>")
    assert caught.value.problems[0].id == "libvirt.refused"
    assert capfd.readouterr() == ("", ""), "libvirt's own handler prints nothing"
    nowhere = captured(host.root)
    allow(nowhere, "test:///nowhere.xml")
    with pytest.raises(Refused) as unreachable:
        connect(nowhere, "test:///nowhere.xml")
    assert unreachable.value.problems[0].id == "libvirt.unreachable"


WITHOUT = "import sys; sys.modules['libvirt'] = None; from vdesk.cli import run; sys.exit(run(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["list", "--connect", TEST], 3),
        (["create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "--connect", TEST, "-y"], 3),
        (["create", "hoth", "--iso", f"/{IMAGES}/Win10.iso", "-y"], 0),
        (["groups"], 0),
    ],
)
def test_without_libvirt(host: Host, line: list[str], code: int) -> None:
    argv = [sys.executable, "-c", WITHOUT, "--root", host.root, *line]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == code, ran.stderr
    assert ("[libvirt.missing]" in ran.stderr) is (code == 3)


def test_a_captured_machine_runs_nothing(host: Host) -> None:
    for command in (["list"], ["show", "hoth"], ["start", "hoth"], ["stop", "hoth"], ["delete", "hoth", "-y"]):
        argv = [sys.executable, "-c", "import sys; from vdesk.cli import run; sys.exit(run(sys.argv[1:]))"]
        ran = subprocess.run([*argv, "--root", host.root, *command], capture_output=True, text=True, check=False)
        assert (ran.returncode, "[usage.captured]" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.parametrize(
    ("more", "states"),
    [
        (["-n"], ["planned"] * 3),
        (["-y"], ["skipped"] * 3),
        (["-y", "--connect", TEST], ["skipped", "done", "done", "done"]),
    ],
)
def test_create_and_start(host: Host, more: list[str], states: list[str]) -> None:
    words = ["create", "and-start", "--iso", f"/{IMAGES}/Win10.iso", "--start", "--json", *more]
    argv = [sys.executable, "-c", "import sys; from vdesk.cli import run; sys.exit(run(sys.argv[1:]))"]
    ran = subprocess.run([*argv, "--root", host.root, *words], capture_output=True, text=True, check=True)
    assert [change["state"] for change in json.loads(ran.stdout)["changes"]] == states
