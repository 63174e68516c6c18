"""An address of libvirt can name a program, and a captured machine's journal can name an address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.cases import ISO
from tests.commands.running import Machines, on, vdesk
from vdesk.changes.journal import Journal
from vdesk.host import Host, captured
from vdesk.host.libvirt_uri import allow, refuse, why_unsafe
from vdesk.model.errors import Refused, WrongUsage

RECORDS: dict[str, dict[str, object]] = {
    "domain": {"name": "hoth", "uuid": "u", "disks": {}},
    "undefine": {"name": "hoth", "uuid": "u", "xml": "<domain/>"},
    "device-attach": {"name": "hoth", "uuid": "u", "address": "0000:01:00.0", "xml": "<hostdev/>"},
    "network-autostart": {"name": "default"},
}
BAD = (
    "qemu+ext:///system?command=/x",
    "qemu+ssh://h/system?command=/x",
    "qemu+ssh://h/system?no_tty=1&Command=/x",
    "qemu+ssh://h/system?no_tty=1;%63ommand=/x",
    "qemu+ssh://%2E%2Ft%2Fx@h/system",
    "qemu+ssh://-oProxyCommand=x@h/system",
    "qemu+ssh://-oProxyCommand=x/system",
    "qemu:///embed?root=/tmp/x",
    "qemu:///system?name=qemu%2Bext:///system",
    "xen:///system",
    "qemu+\next:///system",
    "qemu:///sys%0Atem",
    "QEMU+EXT:///system?command=/x",
    "",
)
GOOD = (
    "qemu:///system",
    "qemu:///session",
    "qemu+ssh://root@tower/system",
    "qemu+ssh://user%40realm@tower.example:2222/system?keyfile=/root/.ssh/id&no_tty=1",
    "qemu+ssh://user@[fe80::1%25eth0]:22/system?socket=/run/libvirt/libvirt-sock",
    "qemu+libssh2://tower/system?sshauth=agent&known_hosts=/root/.ssh/known_hosts",
    "qemu+tls://tower/system?pkipath=/etc/pki&no_verify=1",
    "qemu+unix:///session?socket=/run/user/0/libvirt/virtqemud-sock",
    "test:///default",
    "test:///srv/node.xml",
)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return a program that leaves a mark beside it."""
    place = tmp_path / "program"
    place.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    place.chmod(0o755)
    return place


def begun(root: Path, kind: str, record: dict[str, object], *, closed: bool) -> None:
    """Write an entry into the journal of a captured machine, as who made the machine could."""
    journal = Journal(captured(str(root)))
    journal.prepare()
    entry = journal.begin("create", {}, "1")
    step = journal.intend(entry, kind, "hoth", "define the virtual machine hoth", record)
    if closed:
        journal.mark(entry, step, "done")
        journal.close(entry)


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("kind", [*RECORDS, "disk"])
@pytest.mark.parametrize("transport", ["qemu+ext:///system?", "qemu+ssh://tower/system?"])
def test_a_captured_journal_runs_nothing(
    transport: str, kind: str, closed: bool, fresh: Machines, program: Path
) -> None:
    uri = f"{transport}command={program}"
    root = fresh("debian")
    of_disk = {"path": "etc/default/grub", "since": 0, "owner": ["hoth", uri]}
    begun(root, kind, {**RECORDS[kind], "uri": uri} if kind in RECORDS else of_disk, closed=closed)
    for line in ("undo -n", "undo -y", "undo --all -n", "iommu enable", "iommu enable -y", "history"):
        ran = on(root, *line.split(), "--json")
        assert not (program.parent / "ran").exists(), line
        if line == "undo -y" or (line.startswith("undo") and kind != "network-autostart"):  # looked at only then
            assert "libvirt.not-given" in ran.errors
    on(root, "iommu", "enable", "-y")
    assert not (program.parent / "ran").exists()


def test_what_connect_names_is_opened(fresh: Machines, tmp_path: Path) -> None:
    """Also by the way back that stands before the command: it names the same address."""
    (tmp_path / "node.xml").write_text("<node><network><name>default</name><bridge name='virbr0'/></network></node>")
    uri, root = f"test://{tmp_path}/node.xml", fresh("debian")
    begun(root, "network-autostart", {"name": "default", "uri": uri}, closed=False)
    create = ("create", "hoth", "--iso", ISO, "--connect", uri, "-y", "--json")
    ran = on(root, *create)
    assert ran.code == 0, ran.out
    states = [each["state"] for each in on(root, "history", "--json").envelope["data"]["entries"]]
    assert states == ["undone", "done"]


@pytest.mark.parametrize("uri", ["qemu://[", "qemu+ssh://[/system", "qemu:///\x07system"])
@pytest.mark.parametrize("line", ["list", "show hoth", "start hoth", "delete hoth", "setup", f"create h --iso {ISO}"])
def test_what_is_no_address(line: str, uri: str, fresh: Machines) -> None:
    for ran in (on(fresh("debian"), *line.split(), "--connect", uri, "-n", "--json"),
                vdesk(*line.split(), "--connect", uri, "-n", "--json")):  # fmt: skip
        assert (ran.code, ran.errors) == (2, ["usage.connect"])


@pytest.mark.parametrize("uri", BAD)
def test_addresses_that_could_run_a_program(uri: str) -> None:
    assert why_unsafe(uri)
    live = Host("/")
    with pytest.raises(Refused):
        refuse(live, uri)
    if os.geteuid() == 0:
        with pytest.raises(WrongUsage):
            allow(live, uri)


@pytest.mark.parametrize("uri", GOOD)
def test_addresses_that_only_connect(uri: str) -> None:
    assert not why_unsafe(uri)
    refuse(Host("/"), uri)
    allow(Host("/"), uri)


def test_a_users_own_command_is_the_users() -> None:
    """Not across sudo: the same line is refused where it would be root's."""
    words = "from vdesk.host import Host; from vdesk.host.libvirt_uri import allow; import os, sys\n"
    words += "os.setuid(int(sys.argv[1])); allow(Host('/'), 'qemu+ssh://h/system?command=/opt/ssh')"
    for user in (0, 1) if os.geteuid() == 0 else (os.geteuid(),):
        ran = subprocess.run([sys.executable, "-c", words, str(user)], capture_output=True, text=True, check=False)
        assert ran.returncode == (user == 0), ran.stderr


@pytest.mark.parametrize("uri", [None, 7, ["qemu:///system"], {}])
def test_a_record_of_a_wrong_shape(uri: object, fresh: Machines) -> None:
    root = fresh("debian")
    begun(root, "undefine", {**RECORDS["undefine"], "uri": uri}, closed=True)
    ran = on(root, "undo", "-n", "--json")
    assert (ran.code, ran.errors) == (5, ["journal.damaged"]), json.dumps(ran.envelope)
