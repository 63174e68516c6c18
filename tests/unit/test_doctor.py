"""`vdesk doctor`: every text of the catalogue where it stands, what is not known, and what cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.unit import doctor_texts
from tests.unit.doctor_texts import Text
from tests.unit.doctor_texts_more import MORE
from tests.unit.scenes import GONE, changed
from tests.unit.vm_cases import in_memory
from vdesk.checks.doctor import doctor
from vdesk.host import captured
from vdesk.model.errors import WrongUsage
from vdesk.model.finding import FAIL, Finding
from vdesk.model.report import Report
from vdesk.vm.doctor_known import catalogue
from vdesk.vm.doctor_sources import JOURNAL

LOG = "var/log/libvirt/qemu/hoth.log"
START = "2026-11-22 10:10:10.100+0000: starting up libvirt version: 9.0.0, package: 9.0.0-4 (Debian)\n"
TEXTS = (*doctor_texts.TEXTS, *MORE)
FACTS = range(1, 29)
"""The numbers of the known failure texts."""
DEFINITION = """<domain type='kvm'><name>hoth</name><metadata><vdesk:domain xmlns:vdesk='urn:vdesk:domain:1' os='win10'>
<vdesk:gpu address='0000:01:00.0'/></vdesk:domain></metadata><devices>
<hostdev mode='subsystem' type='pci' managed='yes'><source>
<address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source></hostdev></devices></domain>"""
QUIET: dict[str, str | bytes | None] = {
    "etc/libvirt/qemu/hoth.xml": DEFINITION,
    LOG: START
    + "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=hoth\nchar device redirected to /dev/pts/1\n",
    "run/vdesk/kernel.log": "[    0.1] kernel: Linux version 6.12\n",
}


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """debian with a machine hoth that has its card, started without a complaint."""
    for folder in in_memory():
        found = build("debian", folder / "debian")
        with changed(found, {**QUIET, "run/vdesk/commands.json": journal("")}):
            yield found


def journal(text: str) -> str:
    """libvirt's messages as a capture records them."""
    return json.dumps([{"argv": list(JOURNAL), "exit_code": 0, "stdout": text, "stderr": ""}])


def look(root: Path, where: str, text: str) -> Report:
    """What doctor says of the text in one place."""
    edits: dict[str, str | bytes | None] = {}
    if where == "qemu":
        edits[LOG] = START + text + "\n2026-11-22 10:10:12.000+0000: shutting down, reason=failed\n"
    if where == "kernel":
        edits["run/vdesk/kernel.log"] = f"[    0.1] kernel: Linux version 6.12\n[    9.1] kernel: {text}\n"
    if where == "libvirt":
        edits["run/vdesk/commands.json"] = journal(text + "\n")
    with changed(root, edits):
        return doctor(captured(str(root)), "hoth", [text] if where == "seen" else [])


def found(report: Report) -> list[Finding]:
    return [each for each in report.findings if each.id.startswith("doctor.")]


@pytest.mark.parametrize("each", TEXTS, ids=[f"{each.fact}-{each.id}-{n}" for n, each in enumerate(TEXTS)])
def test_every_text_is_recognised(each: Text, root: Path) -> None:
    report = look(root, each.where, each.text)
    assert [one.id for one in found(report)] == [each.id]
    one = report.findings[0]
    assert one.title and one.cause and one.remedy and not re.search(r"[{}]", one.title + one.cause + one.remedy)
    assert one.evidence.rstrip().endswith(each.text.removeprefix("2026-11-22T10:10:11.123456Z ").rstrip()[:400])
    assert report.exit_code == (3 if one.level == FAIL else 0)


def test_the_catalogue_is_complete() -> None:
    """Every number of the facts has a text here, every entry and every pattern of the catalogue is reached by one."""
    assert {each.fact for each in TEXTS} - {0} == set(FACTS)
    ids = [each.id for each in catalogue()]
    assert len(ids) == len(set(ids))
    assert set(ids) == {each.id for each in TEXTS}


def test_the_documents_name_every_entry() -> None:
    text = (Path(__file__).parents[2] / "docs/doctor.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(doctor\.[a-z0-9-]+)` \|", text, re.MULTILINE)
    assert listed == [each.id for each in catalogue()]


def test_nothing_wrong(root: Path) -> None:
    report = look(root, "seen", " ")
    assert [(one.id, one.level) for one in report.findings] == [("doctor.nothing", "ok")]
    assert (report.exit_code, report.data["started"]) == (0, "2026-11-22 10:10:10.100+0000")


def test_an_older_start_does_not_count(root: Path) -> None:
    with changed(root, {LOG: START + "group 1 is not viable\n" + START}):
        assert [one.id for one in doctor(captured(str(root)), "hoth").findings] == ["doctor.nothing"]


def test_the_reason_stands_for_what_it_causes(root: Path) -> None:
    refused = next(each for each in TEXTS if each.id == "doctor.iommu-refused").text
    kernel = "[    9.1] kernel: vfio_iommu_type1_attach_group: No interrupt remapping support.  Use the module param\n"
    with changed(root, {LOG: START + refused + "\n", "run/vdesk/kernel.log": kernel}):
        assert [one.id for one in doctor(captured(str(root)), "hoth").findings] == ["doctor.irq-remapping"]


def test_the_kernel_on_another_machines_card(root: Path) -> None:
    report = look(root, "kernel", "vfio-pci 0000:02:00.0: BAR 0: can't reserve [mem 0xc0000000-0xcfffffff]")
    assert [one.id for one in report.findings] == ["doctor.nothing"]


def test_the_device_and_the_name_are_filled_in(root: Path) -> None:
    one = look(root, "libvirt", "Requested operation is not valid: network 'blue net' is not active").findings[0]
    assert "blue net" in one.title and "virsh net-autostart blue net" in one.remedy and "vdesk start hoth" in one.remedy
    one = look(root, "qemu", "vfio 0000:01:00.0: group 7 is not viable").findings[0]
    assert one.remedy.endswith("sudo vdesk bind 0000:01:00.0")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("qemu", "qemu-system-x86_64: -device frob: the frob is off"),
        ("qemu", "something failed altogether"),
        ("libvirt", "internal error: process exited while connecting to monitor: frob"),
        ("kernel", "vfio-pci 0000:01:00.0: frob error"),
        ("seen", "it smells of smoke"),
    ],
)
def test_unknown_errors_are_quoted(where: str, text: str, root: Path) -> None:
    report = look(root, where, text)
    assert [(one.id, one.level) for one in report.findings] == [("doctor.unknown", "warn")]
    assert text in report.findings[0].evidence and report.exit_code == 0


def test_many_unknown_errors(root: Path) -> None:
    one = look(root, "qemu", "".join(f"qemu-system-x86_64: odd thing {n}\n" for n in range(50))).findings[0]
    assert "odd thing 49" in one.evidence and "odd thing 41;" not in one.evidence and "50" in one.title


@pytest.mark.parametrize("text", ["vfio-pci 0000:02:00.0: frob error", "usb 1-1: device descriptor read/64, error -71"])
def test_other_errors_of_the_kernel_are_not_the_machines(text: str, root: Path) -> None:
    assert [one.id for one in look(root, "kernel", text).findings] == ["doctor.nothing"]


def test_what_cannot_be_read(root: Path) -> None:
    unread = json.dumps({"unreadable": [LOG, "run/vdesk/kernel.log"]})
    with changed(root, {"run/vdesk/machine.json": unread, "run/vdesk/commands.json": "[]"}):
        report = doctor(captured(str(root)), "hoth")
    assert [(one.id, one.level) for one in report.findings] == [("doctor.log", "unknown")] * 3
    assert report.exit_code == 3 and all("sudo" in one.remedy for one in report.findings)


def test_a_machine_that_was_never_started(root: Path) -> None:
    with changed(root, {LOG: GONE}):
        report = doctor(captured(str(root)), "hoth")
    assert [(one.id, one.level) for one in report.findings] == [("doctor.log", "info"), ("doctor.nothing", "ok")]
    assert report.exit_code == 0


def test_no_machine(root: Path) -> None:
    for name, id in (("endor", "usage.no-vm"), ("../hoth", "usage.name"), ("", "usage.name")):
        with pytest.raises(WrongUsage) as caught:
            doctor(captured(str(root)), name)
        assert caught.value.problems[0].id == id


@pytest.mark.parametrize(
    "xml", ["", "<domain", "<domain><vcpu>x</vcpu></domain>", "<!DOCTYPE a [<!ENTITY b 'c'>]><domain>&b;</domain>"]
)
def test_a_broken_definition(xml: str, root: Path) -> None:
    with changed(root, {"etc/libvirt/qemu/hoth.xml": xml}):
        assert [one.id for one in doctor(captured(str(root)), "hoth").findings] == ["doctor.nothing"]


@pytest.mark.parametrize("data", [b"\xff\xfe\0\x1b[2J" * 1000, b"error " * 200_000, START.encode() * 1000, b""])
def test_hostile_logs(data: bytes, root: Path) -> None:
    with changed(root, {LOG: data}):
        report = doctor(captured(str(root)), "hoth")
    assert report.findings and "\x1b" not in json.dumps(report.as_json(), ensure_ascii=False)
