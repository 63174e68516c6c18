"""What goes with a machine: its images, and nothing else that its definition may name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from tests.trees import difference, snapshot
from tests.unit.test_vm_install import ANSWERS, XML, Daemon, stop
from tests.unit.vm_cases import own_driver, with_discs
from vdesk.changes.actions import act
from vdesk.changes.disks import RemoveDisk
from vdesk.changes.executor import Mode, run
from vdesk.changes.plan import Plan
from vdesk.host import Host, captured
from vdesk.host.libvirt_conn import connect
from vdesk.model.errors import HostError
from vdesk.model.report import Report
from vdesk.plans import vm_delete
from vdesk.plans.vm_removable import why_answers_kept, why_kept
from vdesk.vm.domain_xml import MARK

YES = Mode(yes=True)
SYSTEM, LINK, PLAIN, OTHER = "the system's own", "is a link", "not a plain one", "not named like a disk"
PATHS = {
    "/var/lib/libvirt/images/hoth.img": "",
    "/var/lib/libvirt/images/pool/no-suffix": "",
    "/srv/vm/hoth.qcow2": "",
    "/home/han/hoth.raw": "",
    "/etc/victim": SYSTEM,
    "/etc/victim.img": SYSTEM,
    "/usr/lib/x.img": SYSTEM,
    "/boot/initrd.img": SYSTEM,
    "/var/lib/vdesk/journal/000001.jsonl": SYSTEM,
    "/var/lib/other/x.qcow2": SYSTEM,
    "/srv/vm/notes.txt": OTHER,
    "/home/han/.ssh/id_ed25519": OTHER,
    "/linked/hoth.img": LINK,
    "/srv/out/victim.img": LINK,
    "/srv/../etc/victim.img": PLAIN,
    "/srv//vm/hoth.img": PLAIN,
    "srv/vm/hoth.img": PLAIN,
}


@pytest.fixture
def host() -> Iterator[Host]:
    """A machine with every one of these files, and a link on the way to two of them."""
    for host in with_discs("article-booted"):
        root = Path(host.root)
        (root / "srv/vm").mkdir(parents=True)
        (root / "linked").symlink_to("srv/vm")
        (root / "srv/out").symlink_to("../etc")
        for path in PATHS:
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"mine")
        yield captured(str(root))


@pytest.mark.parametrize("path", PATHS)
def test_which_files(path: str, host: Host) -> None:
    why = why_kept(host, path)
    assert PATHS[path] in why and bool(why) is bool(PATHS[path])


def test_a_folder_of_images_elsewhere(host: Host) -> None:
    """As a person moves it to a larger disk; not where it leads to the system's own."""
    images = Path(host.root) / "var/lib/libvirt/images"
    images.rename(Path(host.root) / "srv/images")
    images.symlink_to("/srv/images")
    assert not why_kept(captured(host.root), "/var/lib/libvirt/images/hoth.img")
    images.unlink()
    images.symlink_to("/etc")
    assert SYSTEM in why_kept(captured(host.root), "/var/lib/libvirt/images/victim")


def test_a_definition_that_names_everything(host: Host, tmp_path: Path) -> None:
    """Marked as made by vdesk, by whoever wrote it: only images go, and what stays is said."""
    uri = own_driver(tmp_path, host)
    disks = "".join(
        f"<disk type='file' device='disk'><source file={quoteattr(path)}/><target dev='vd{chr(97 + number)}'/></disk>"
        for number, path in enumerate(each for each in PATHS if each.startswith("/"))
    )
    made = "".join(f"<v:disk path={quoteattr(path)}/>" for path in PATHS)
    mark = f"<metadata><v:domain xmlns:v='{MARK}'>{made}</v:domain></metadata>"
    system = "<memory>1024</memory><os><type>hvm</type></os>"
    libvirt = connect(host, uri)
    libvirt.define(f"<domain type='test'><name>hoth</name>{mark}{system}<devices>{disks}</devices></domain>")
    before = snapshot(Path(host.root))
    plan = vm_delete.delete(host, libvirt, "hoth", disks=True)
    gone = [f"{path}" for path, why in PATHS.items() if not why]
    assert [each.target for each in plan.changes if each.kind == "disk-removal"] == gone
    assert len(plan.notes) == len(PATHS) - len(gone) - 1
    assert run(plan, host, YES).exit_code == 0
    assert sorted(difference(before, snapshot(Path(host.root))).removed) == sorted(path[1:] for path in gone)


def test_a_folder_that_becomes_a_link_at_the_question(host: Host) -> None:
    root = Path(host.root)
    (root / "etc/hoth.qcow2").write_bytes(b"mine")

    def ask(shown: Report) -> bool:
        (root / "srv/vm").rename(root / "srv/moved")
        (root / "srv/vm").symlink_to("../etc")
        return True

    plan = Plan("delete", "it", [RemoveDisk("srv/vm/hoth.qcow2", host.resolve("srv/vm/hoth.qcow2"))])
    with pytest.raises(HostError, match="is not removed"):
        run(plan, host, Mode(ask=ask))
    assert (root / "etc/hoth.qcow2").exists()


@pytest.mark.parametrize("path", ["/etc/victim", "/home/han/hoth.raw", "/var/lib/libvirt/images/hoth.img"])
def test_answers_that_vdesk_did_not_make(path: str, host: Host) -> None:
    daemon = Daemon(answers=True, xml=XML.replace(ANSWERS, path))
    before = snapshot(Path(host.root))
    plan = stop(host, daemon)
    assert [step.kind for step in plan.steps] == ["stop", "eject", "eject", "eject", "keep"]
    assert "vdesk did not make it" in plan.steps[-1].summary
    assert act(plan, host, YES).exit_code == 0
    assert not difference(before, snapshot(Path(host.root))).removed
    assert not why_answers_kept(host, ANSWERS)


def test_a_drive_of_a_strange_name(host: Host) -> None:
    """What libvirt said of it is text, and stays that."""
    (Path(host.root) / ANSWERS[1:]).write_bytes(b"secret")
    daemon = Daemon(answers=True, xml=XML.replace('dev="sdc"', 'dev="sd&apos;/&gt;&lt;x"'))
    assert act(stop(host, daemon), host, YES).exit_code == 0
    assert any("<target dev=\"sd'/&gt;&lt;x\"" in each for each in daemon.changed)
