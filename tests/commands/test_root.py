"""Without root: the commands that look work, those that change this machine say exactly what to run, exit 4."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.commands.running import Machines, on, vdesk
from tests.trees import difference, snapshot

NOBODY = 65534


@contextmanager
def without_root() -> Iterator[None]:
    """Nobody's rights for the block, where this process has root's."""
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)


def test_needs_root(memory: Path) -> None:
    """The one change that needs no particular machine: a virtual machine without a card."""
    memory.chmod(0o755)
    disc = memory / "linux.iso"
    disc.write_bytes(bytes(16 * 2048) + b"\1CD001\1".ljust(2048, b"\0"))
    words = ["create", "hoth", "--iso", str(disc), "--os", "linux", "--gpu", "none", "--cpus", "1", "--memory", "1GiB"]
    words += ["--disk", "1GiB", "--connect", "test:///default"]
    planned = vdesk(*words, "--dry-run")  # as who we are: everything is imported that the next runs need
    assert planned.code == 0, planned.err
    vdesk(*words, "--network", "\x1b", "--json")
    before = snapshot(memory)
    with without_root():
        ran, said = vdesk(*words, "--yes", "--json"), vdesk(*words, "--yes")
        asked = vdesk(*words, "--json")
    assert (ran.code, ran.errors, ran.envelope["status"]) == (4, ["root.needed"], "failed")
    assert "sudo vdesk create hoth --iso" in ran.envelope["errors"][0]["remedy"]
    assert (said.code, said.out) == (4, "") and "sudo vdesk create hoth" in said.err
    assert asked.errors == ["usage.confirmation"], "a missing yes comes before a missing root"
    assert not difference(before, snapshot(memory))


def test_a_captured_machine_needs_no_root(fresh: Machines) -> None:
    root = fresh("debian")
    on(root, "bind", "01:00.0", "-n"), on(root, "check")
    if os.geteuid() == 0:
        for folder, names, files in os.walk(root):
            for path in (folder, *(f"{folder}/{name}" for name in (*names, *files))):
                os.lchown(path, NOBODY, NOBODY)
        root.parent.chmod(0o755)
    with without_root():
        assert on(root, "check", "--json").code == 0
        assert on(root, "bind", "01:00.0", "--yes", "--json").code == 0


def test_the_folder_is_taken_out_of_no_path_of_the_machines_own(fresh: Machines) -> None:
    """A path of the machine's in which the folder's name comes again is the machine's."""
    root = fresh("debian")
    inside = f"srv{root}"
    (root / inside).mkdir(parents=True)
    (root / inside / "win10.iso").write_bytes(b"")
    words = ("create", "hoth", "--iso", f"/{inside}/win10.iso", "--gpu", "none", "--print-xml")
    ran = vdesk("--root", root, *words, "--json")
    assert f'file="/{inside}/win10.iso"' in ran.envelope["data"]["xml"]
    assert ran.envelope["data"]["xml"] == vdesk("--root", root, *words).out


def test_a_captured_machine_of_another_user(fresh: Machines) -> None:
    """No line with sudo: without the folder, which is never printed, it would change this very machine."""
    root = fresh("debian")
    root.parent.chmod(0o755)
    if os.geteuid() != 0:
        return  # nothing here belongs to another user
    assert on(root, "-y", "iommu", "enable").code == 0
    lines = ["iommu enable", "iommu enable --pt", "iommu disable", "bind 01:00.0", "unbind 01:00.0", "history"]
    lines += ["bind --boot 01:00.0", "undo", "undo --all", "undo 1"]
    for line in lines:  # everything is imported that the next runs need
        on(root, *line.split(), "-n", "--json")
    before = snapshot(root)
    for line in lines:
        with without_root():
            ran, said = on(root, "-y", *line.split(), "--json"), on(root, "-y", *line.split())
        assert (ran.code, said.code, ran.errors) == (1, 1, ["host.denied"]), (line, ran.out)
        (error,) = ran.envelope["errors"]
        assert "sudo" not in said.err + ran.out and "a copy of the folder" in error["remedy"], line
    with without_root():
        found = on(root, "history", "--json").envelope["errors"][0]
    assert found["what"] == "the journal of this captured machine belongs to another user"
    assert not difference(before, snapshot(root))
