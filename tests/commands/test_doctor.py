"""`vdesk doctor` as a person and as a script see it."""

from __future__ import annotations

from tests.commands.running import Machines, on
from tests.trees import difference, snapshot

LOG = (
    "2026-11-22 10:10:10.100+0000: starting up libvirt version: 9.0.0\n"
    "2026-11-22T10:10:11.1Z qemu-system-x86_64: -device vfio-pci: vfio 0000:01:00.0: group 1 is not viable\n"
    "qemu-system-x86_64: frobnication \x1b[31mrequired\n"
)
SAID = """\
machine  hoth, last started 2026-11-22 10:10:10.100+0000
warn     doctor.unknown: /var/log/libvirt/qemu/hoth.log has errors that vdesk does not know
         why      they may or may not be the reason; the catalogue has no entry for them
         do       read them from the first one on; search for the words without addresses and numbers
         seen     qemu-system-x86_64: frobnication \ufffd[31mrequired
unknown  doctor.log: libvirt's messages could not be read, so what it tells is not known
"""
KNOWN = """\
FAIL     doctor.group-not-viable: another device of the card's IOMMU group is still with a driver of this machine
         why      a group goes to a virtual machine as a whole, and one of its members was not given away
         do       see the members and who has them with: vdesk groups 0000:01:00.0; give them all away with:\
 sudo vdesk bind 0000:01:00.0
         seen     /var/log/libvirt/qemu/hoth.log: qemu-system-x86_64: -device vfio-pci: vfio 0000:01:00.0: group 1\
 is not viable
"""


def test_a_failed_start(fresh: Machines) -> None:
    root = fresh("article-booted")
    folder = root / "var/log/libvirt/qemu"
    folder.mkdir(parents=True)
    (folder / "hoth.log").write_text(LOG, encoding="utf-8")
    before = snapshot(root)
    ran, told = on(root, "doctor", "hoth", "--json"), on(root, "doctor", "hoth")
    assert not difference(before, snapshot(root))
    assert (ran.code, ran.envelope["status"], ran.err) == (3, "not-ready", "")
    assert ran.envelope["data"]["sources"][0] == {"name": "/var/log/libvirt/qemu/hoth.log", "lines": 3, "reason": None}
    ids = [(each["id"], each["level"]) for each in ran.envelope["findings"]]
    assert ids[:2] == [("doctor.group-not-viable", "fail"), ("doctor.unknown", "warn")]
    assert (told.code, told.err) == (3, "")
    assert told.out.endswith(KNOWN) and all(line in told.out for line in SAID.splitlines())


def test_no_such_machine(fresh: Machines) -> None:
    root = fresh("article-booted")
    assert on(root, "doctor", "endor", "--json").errors == ["usage.no-vm"]
    assert on(root, "doctor", "a/b", "--json").errors == ["usage.name"]
    assert on(root, "doctor", "--json").code == 2
