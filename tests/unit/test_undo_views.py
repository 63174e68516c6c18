"""What undo says before it does anything is what it then does: what it would refuse is said, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.commands.running import on
from tests.faults.cases import packages
from tests.faults.played import Played
from tests.machines.builder import build
from tests.unit.test_gpu import Machine as Laptop
from tests.unit.vm_cases import IMAGES, own_driver, with_discs
from vdesk.changes import undoing
from vdesk.changes.change import changed_since
from vdesk.changes.domain import DefineDomain, UndefineDomain
from vdesk.changes.executor import Mode, run
from vdesk.changes.journal import Entry, Step
from vdesk.changes.undo_views import back_views, explained
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import connect
from vdesk.model.report import Report
from vdesk.plans import vm
from vdesk.vm.spec import Request

GRUB = "etc/default/grub"
DRY, YES = Mode(dry_run=True), Mode(yes=True)


@pytest.fixture
def root(memory: Path) -> Path:
    return build("article", memory / "root")


def edited(root: Path) -> None:
    """A person adds a line of their own."""
    with (root / GRUB).open("a") as file:
        file.write("# mine\n")


def ids(document: dict[str, Any]) -> list[str]:
    return [each["id"] for each in document["errors"]]


def test_what_a_person_wrote_is_not_shown_as_going(root: Path) -> None:
    assert on(root, "iommu", "enable", "-y").code == 0
    edited(root)
    dry = on(root, "undo", "-n", "--json")
    assert (dry.code, ids(dry.envelope)) == (5, ["undo.changed-since"])
    (stays, *_) = dry.envelope["changes"]
    assert (stays["state"], stays["diff"]) == ("skipped", "") and "is not what vdesk wrote" in stays["summary"]
    assert "# mine" not in on(root, "undo", "-n").out
    real = on(root, "undo", "-y", "--json", "-v")
    assert (real.code, ids(real.envelope)) == (5, ["undo.changed-since"])
    assert "# mine" not in real.out and (root / GRUB).read_text().endswith("# mine\n")


def test_the_question_says_it_too(root: Path) -> None:
    assert on(root, "iommu", "enable", "-y").code == 0
    edited(root)
    shown: list[Report] = []

    def no(report: Report) -> bool:
        shown.append(report)
        return False

    undoing.undo(captured(str(root)), None, False, Mode(ask=no))
    assert shown[0].changes[0].state == "skipped" and "# mine" not in shown[0].changes[0].diff


def test_two_entries_of_one_file(root: Path) -> None:
    """Newest first both go, and each diff is what that step does; the older one alone waits for the newer."""
    before = (root / GRUB).read_text()
    for words in ((), ("--pt",)):
        assert on(root, "iommu", "enable", *words, "-y").code == 0
    dry = on(root, "undo", "--all", "-n", "--json")
    diffs = [each["diff"] for each in dry.envelope["changes"] if each["target"] == f"/{GRUB}"]
    assert dry.code == 0 and len(diffs) == 2
    assert [("-" in diff, "iommu=pt" in diff) for diff in diffs] == [(True, True), (True, False)]
    for mode in ("-n", "-y"):
        alone = on(root, "undo", "1", mode, "--json")
        assert (alone.code, ids(alone.envelope)) == (5, ["undo.changed-since"])
        (error,) = alone.envelope["errors"]
        assert "entry 2 (iommu enable)" in error["cause"], error
        assert all(each in error["remedy"] for each in ("vdesk undo 2", "vdesk undo --all"))
    assert on(root, "undo", "--all", "-y").code == 0
    assert (root / GRUB).read_text() == before


def test_every_newer_entry_is_named(root: Path) -> None:
    """In the order in which they can go; then the oldest can, too."""
    before = (root / GRUB).read_text()
    for words in ((), ("--pt",), ("--igfx-off",)):
        assert on(root, "iommu", "enable", *words, "-y").code == 0
    for mode in ("-n", "-y"):
        (error,) = on(root, "undo", "1", mode, "--json").envelope["errors"]
        assert error["cause"].endswith("entries 3 (iommu enable), 2 (iommu enable)")
        assert "this order: sudo vdesk undo 3; sudo vdesk undo 2; or" in error["remedy"]
    assert [on(root, "undo", str(number), "-y").code for number in (3, 2, 1)] == [0, 0, 0]
    assert (root / GRUB).read_text() == before


def test_a_later_change_of_another_kind() -> None:
    entries = [Entry(number, "", command, "") for number, command in ((1, "create"), (2, "attach"))]
    for entry, kind in zip(entries, ("domain", "device-attach"), strict=True):
        entry.steps = [Step(0, kind, "hoth", "", {}, "done")]
    told = changed_since("hoth", "it is another now").problems
    (found,) = explained(told, entries[0], entries[0].steps[0], entries)
    assert "entry 2 (attach)" in found.cause and "vdesk undo 2" in found.remedy
    assert explained(told, entries[1], entries[1].steps[0], entries) == told


def test_a_person_after_two_entries(root: Path) -> None:
    for words in ((), ("--pt",)):
        assert on(root, "iommu", "enable", *words, "-y").code == 0
    edited(root)
    for mode in ("-n", "-y"):
        ran = on(root, "undo", "--all", mode, "--json")
        assert (ran.code, ids(ran.envelope)) == (5, ["undo.changed-since"] * 2)
        newer, older = ran.envelope["errors"]
        assert "by hand" in newer["remedy"] and "vdesk undo 2" in older["remedy"]


def test_a_mode_that_a_later_entry_gives_back(memory: Path) -> None:
    laptop = Laptop(memory)
    for mode in ("intel", "nvidia"):
        assert laptop.select(mode).exit_code == 0
    assert undoing.undo(laptop.host, None, True, DRY).exit_code == 0
    assert undoing.undo(laptop.host, 1, False, DRY).exit_code == 5


def test_a_disk_goes_with_its_machine(memory: Path) -> None:
    """The machine that needs the disk goes first; on its own it would hold it."""
    for host in with_discs("article-booted"):
        uri = own_driver(memory, host)
        assert run(vm.create(host, Request("hoth", f"/{IMAGES}/Win10.iso"), uri), host, YES).exit_code == 0
        found = connect(host, uri).find("hoth")
        assert found
        (Path(host.root) / IMAGES / "hoth.img").write_bytes(b"")
        path, time = f"{IMAGES}/hoth.img", (Path(host.root) / IMAGES / "hoth.img").stat().st_mtime_ns
        disk = {"path": path, "since": 0, "owner": ["hoth", uri], "size": 0, "mtime": time}
        machine = {"name": "hoth", "uuid": found.uuid, "uri": uri, "disks": {f"/{path}": [0, time]}}
        assert _foreseen(host, ("disk", "/d", disk)) == ["undo.disk-needed"]
        assert _foreseen(host, ("disk", "/d", disk), ("domain", "hoth", machine)) == []


def test_a_machine_that_delete_took_and_undo_gives_back(memory: Path) -> None:
    """Its disk has a guest on it: given back by the one entry, it is not taken away by the other."""
    for host in with_discs("article-booted"):
        uri, disk = own_driver(memory, host), Path(host.root) / IMAGES / "hoth.img"
        disk.write_bytes(b"")
        request = Request("hoth", f"/{IMAGES}/Win10.iso", disk=f"/{IMAGES}/hoth.img")
        assert run(vm.create(host, request, uri), host, YES).exit_code == 0
        found = connect(host, uri).find("hoth")
        assert found
        made = next(step.record for step in undoing.entries(host)[0].steps if step.kind == DefineDomain.kind)
        taken = UndefineDomain(found, uri).record(host)
        connect(host, uri).undefine("hoth")
        both = ("domain", "hoth", made), ("undefine", "hoth", taken)
        assert _foreseen(host, *both) == []
        disk.write_bytes(b"windows")
        assert _foreseen(host, *both) == ["undo.vm-used"]


def test_packages_that_others_of_vdesk_need(memory: Path) -> None:
    bare = Played(memory, "no-tpm")
    packages(bare)
    script = bare.programs / "apt-get"
    script.write_text(script.read_text().replace('for name; do echo "Remv', 'for name in "$@" swtpm; do echo "Remv'))
    (bare.root / "var/lib/dpkg/list").write_text("libtpms0\nswtpm\n")
    older, newer = ({"family": "debian", "names": [name], "new": [name]} for name in ("libtpms0", "swtpm"))
    assert _foreseen(bare.host(), ("packages", "libtpms0", older)) == ["undo.packages-needed"]
    assert _foreseen(bare.host(), ("packages", "libtpms0", older), ("packages", "swtpm", newer)) == []


def _foreseen(host: Host, *steps: tuple[str, str, dict[str, Any]]) -> list[str]:
    """The ids of what would stay of an entry with these steps."""
    entry = Entry(1, "then", "x", "")
    entry.steps = [Step(number, *step[:2], "s", step[2], "done") for number, step in enumerate(steps)]
    return [each.id for each in back_views(host, [entry], [entry])[1]]
