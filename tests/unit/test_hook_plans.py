"""`vdesk hook install|remove|status|check` on captured machines: the whole difference of the tree, and what is said."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pexpect
import pytest

from tests.commands.running import on
from tests.machines.builder import build
from tests.trees import difference, snapshot
from vdesk.plans.hook_file import hook_bytes

HOOKS = "etc/libvirt/hooks"
PATH = f"{HOOKS}/qemu.d/50-vdesk"
JOURNAL = ("var/lib/vdesk",)
ARTICLE = "#!/usr/bin/env python\nimport libvirt\nconn = libvirt.open(None)\nos.system('rmmod nvidia_drm')\n"


@pytest.fixture
def debian(memory: Path) -> Path:
    """Return a machine with libvirt."""
    return build("debian", memory / "debian")


def say(root: Path, argv: list[str], text: str, code: int = 0) -> None:
    """Let the machine answer a command."""
    place = root / "run/vdesk/commands.json"
    known = [each for each in json.loads(place.read_text()) if each["argv"] != argv]
    known.append({"argv": argv, "exit_code": code, "stdout": text, "stderr": ""})
    place.write_text(json.dumps(known))


def test_install_and_remove(debian: Path) -> None:
    before = snapshot(debian)
    ran = on(debian, "hook", "install", "--yes")
    assert ran.code == 0 and (debian / PATH).read_bytes() == hook_bytes()
    moved = difference(before, snapshot(debian), JOURNAL)
    assert (moved.added, moved.removed, moved.changed) == ([f"{HOOKS}/qemu.d", PATH], [], [])
    assert (debian / PATH).stat().st_mode & 0o777 == 0o755
    again = on(debian, "hook", "install")
    assert again.code == 0 and "nothing to do" in again.out
    assert on(debian, "hook", "remove", "--yes").code == 0
    assert not difference(before, snapshot(debian), JOURNAL)
    assert "nothing to remove" in on(debian, "hook", "remove").out
    assert "nothing to take back" in on(debian, "undo", "--all", "--yes").out


def test_undo(debian: Path) -> None:
    before = snapshot(debian)
    on(debian, "hook", "install", "--yes")
    assert on(debian, "undo", "--yes").code == 0
    assert not difference(before, snapshot(debian), JOURNAL)


def test_a_running_daemon_is_reloaded(debian: Path) -> None:
    """Reloaded, not restarted; on a captured machine that is skipped."""
    say(debian, ["systemctl", "is-active", "libvirtd.service"], "active\n")
    found = on(debian, "hook", "install", "--yes", "--json").envelope
    assert [(each["target"], each["state"]) for each in found["changes"]] == [
        (f"/{PATH}", "done"),
        ("systemctl reload libvirtd.service", "skipped"),
    ]


def test_not_noticed(debian: Path) -> None:
    """The daemon has looked before the file was there: only the reload is left to do."""
    on(debian, "hook", "install", "--yes")
    assert on(debian, "hook", "status", "--json").envelope["data"]["noticed"] is True
    say(debian, ["systemctl", "is-active", "libvirtd.service"], "active\n")
    assert on(debian, "hook", "status", "--json").envelope["data"]["noticed"] is None
    asked = ["systemctl", "show", "--timestamp=unix", "-p", "StateChangeTimestamp", "libvirtd.service"]
    say(debian, asked, "StateChangeTimestamp=@1000\n")
    assert on(debian, "hook", "status", "--json").envelope["data"]["noticed"] is False
    assert "has not noticed it" in on(debian, "hook", "status").out
    assert [each["kind"] for each in on(debian, "hook", "install", "-n", "--json").envelope["changes"]] == ["command"]
    say(debian, asked, "StateChangeTimestamp=@99999999999\n")
    assert on(debian, "hook", "status", "--json").envelope["data"]["noticed"] is True


def test_the_article_s_hook_is_left_alone(debian: Path) -> None:
    (debian / f"{HOOKS}/qemu").write_text(ARTICLE)
    (debian / f"{HOOKS}/qemu").chmod(0o755)
    before = snapshot(debian)
    ran = on(debian, "hook", "install", "--dry-run")
    assert "/etc/libvirt/hooks/qemu stays as it is. It unloads graphics drivers, calls libvirt" in ran.out
    on(debian, "hook", "install", "--yes")
    assert difference(before, snapshot(debian), JOURNAL).changed == []
    others = on(debian, "hook", "status", "--json").envelope["data"]["others"]
    assert [(each["path"], len(each["does"])) for each in others] == [("/etc/libvirt/hooks/qemu", 2)]
    assert "/etc/libvirt/hooks/qemu: it unloads graphics drivers" in on(debian, "hook", "status").out


def test_one_that_does_something_else(debian: Path) -> None:
    (debian / f"{HOOKS}/qemu").write_text("#!/bin/sh\n# virsh is not called here\nlogger started\n")
    assert on(debian, "hook", "status", "--json").envelope["data"]["others"][0]["does"] == []
    assert "stays as it is" not in on(debian, "hook", "install", "--yes").out


def test_edited_or_of_another_version(debian: Path) -> None:
    on(debian, "hook", "install", "--yes")
    (debian / PATH).write_bytes(b"#!/bin/sh\n")
    (debian / PATH).chmod(0o644)
    data = on(debian, "hook", "status", "--json").envelope["data"]
    assert (data["installed"], data["current"], data["executable"]) == (True, False, False)
    said = on(debian, "hook", "status").out
    assert "not this vdesk's" in said and "not executable" in said and "sudo vdesk hook install" in said
    on(debian, "hook", "install", "--yes")
    assert (debian / PATH).read_bytes() == hook_bytes() and (debian / PATH).stat().st_mode & 0o777 == 0o755
    on(debian, "undo", "--yes")
    assert (debian / PATH).read_bytes() == b"#!/bin/sh\n" and (debian / PATH).stat().st_mode & 0o777 == 0o644


def test_libvirt_that_reads_no_folder(memory: Path) -> None:
    root = build("old-libvirt", memory / "old")
    say(root, ["virsh", "--version"], "6.0.0\n")
    before = snapshot(root)
    ran = on(root, "hook", "install", "--yes", "--json")
    assert (ran.code, ran.errors) == (3, ["hook.old-libvirt"]) and not difference(before, snapshot(root))


def test_no_libvirt(memory: Path) -> None:
    root = build("empty", memory / "empty")
    assert on(root, "hook", "install", "--yes", "--json").errors == ["hook.no-libvirt"]
    assert on(root, "hook", "status").code == 0
    assert on(root, "hook", "check", "--json").errors == ["hook.not-installed"]


def test_not_removed_while_devices_are_taken(debian: Path) -> None:
    on(debian, "hook", "install", "--yes")
    (debian / "run/vdesk/hook").mkdir()
    (debian / "run/vdesk/hook/6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11.json").write_text("{}")
    ran = on(debian, "hook", "remove", "--yes", "--json")
    assert (ran.code, ran.errors) == (3, ["hook.devices-taken"]) and (debian / PATH).exists()
    command = "sudo /etc/libvirt/hooks/qemu.d/50-vdesk --give-back=6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11"
    said = " ".join(on(debian, "hook", "status").out.split())
    assert "devices are taken for: 6f2b8f8e" in said and f"if that machine is off: {command}" in said
    assert command in ran.envelope["errors"][0]["remedy"]


def test_undo_leaves_it_while_devices_are_taken(debian: Path) -> None:
    """Nobody else would give them back: the others go, it stays, also for an entry that an older vdesk wrote, which is
    the same; the dry run tells it."""
    before = snapshot(debian)
    on(debian, "hook", "install", "--yes")
    on(debian, "iommu", "enable", "--pt", "--yes")
    state = debian / "run/vdesk/hook/6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11.json"
    state.parent.mkdir()
    state.write_text("{}")
    for words in (["--all", "-n"], ["--all", "--yes"], ["--all", "--keep", "vms", "--yes"], ["1", "--yes"]):
        ran = on(debian, "undo", *words, "--json")
        assert (ran.code, ran.errors) == (5, ["hook.devices-taken"]), words
        assert (debian / PATH).read_bytes() == hook_bytes()
    assert [path for path in difference(before, snapshot(debian), JOURNAL).changed] == [], "the rest is back"
    state.unlink()
    state.parent.rmdir()
    assert on(debian, "undo", "--all", "--yes").code == 0
    assert not difference(before, snapshot(debian), JOURNAL)


def test_undo_of_a_removal_and_of_an_update_while_devices_are_taken(debian: Path) -> None:
    """A hook that comes back, or an older one that gives back too, is no loss; one that does not is."""
    (debian / f"{HOOKS}/qemu.d").mkdir()
    (debian / PATH).write_bytes(hook_bytes() + b"# older\n")
    on(debian, "hook", "install", "--yes")
    (debian / "run/vdesk/hook").mkdir()
    (debian / "run/vdesk/hook/6f2b8f8e-0c3f-4e0a-9d7b-3b8d1f6a2c11.json").write_text("{}")
    assert on(debian, "undo", "--yes").code == 0 and (debian / PATH).read_bytes().endswith(b"# older\n")
    (debian / PATH).write_bytes(b"#!/bin/sh\n")
    on(debian, "hook", "install", "--yes")
    assert on(debian, "undo", "--yes", "--json").errors == ["hook.devices-taken"]


def test_check(debian: Path) -> None:
    on(debian, "hook", "install", "--yes")
    say(debian, [f"/{PATH}", "--check"], "ok    log: /var/log/vdesk/hook.log\n")
    ran = on(debian, "hook", "check")
    assert ran.code == 0 and "log: /var/log/vdesk/hook.log" in ran.out
    say(debian, [f"/{PATH}", "--check"], "ok    log: x\nfail  modprobe: the program modprobe is not installed\n", 1)
    ran = on(debian, "hook", "check", "--json")
    assert (ran.code, ran.errors) == (3, ["hook.check-failed"])
    assert "modprobe is not installed" in ran.envelope["errors"][0]["cause"]


def test_the_question_stays_in_sight(debian: Path) -> None:
    """A thousand lines before a question would hide what is asked; --dry-run shows them all."""
    assert on(debian, "hook", "install", "--dry-run").out.count("\n") > 1000
    argv = ["-m", "vdesk", "--root", str(debian), "--no-color", "hook", "install"]
    child = pexpect.spawn(sys.executable, argv, encoding="utf-8", dimensions=(50, 120), timeout=30)
    child.expect("Do this")
    assert child.before.count("\n") < 60 and "lines more; see them all with --dry-run" in child.before
    child.sendline("n")
    child.expect(pexpect.EOF)
    assert child.before.count("\n") < 60 and "nothing was changed" in child.before
    assert not (debian / PATH).exists()


def test_the_way_back_of_a_long_file_is_one_line(debian: Path) -> None:
    """All of its lines with a minus before them tell nobody anything; --dry-run has them."""
    assert on(debian, "hook", "install", "--yes").code == 0
    assert on(debian, "undo", "--dry-run").out.count("\n-") + on(debian, "undo", "--dry-run").out.count(" -") > 1000
    argv = ["-m", "vdesk", "--root", str(debian), "--no-color", "undo"]
    child = pexpect.spawn(sys.executable, argv, encoding="utf-8", dimensions=(50, 120), timeout=30)
    child.expect("Do this")
    assert re.search(r"the file goes, with its \d{4} lines; see them with --dry-run\s", child.before)
    assert child.before.count("\n") < 10 and "import " not in child.before
    child.sendline("y")
    child.expect(pexpect.EOF)
    assert not (debian / PATH).exists()


def test_selinux_is_told(debian: Path) -> None:
    """At the installation and by the test, until a start has shown that libvirt may run it."""
    for name in ("usr/sbin/libvirtd", "usr/bin/libvirtd"):
        (debian / name).unlink(missing_ok=True)
    for name, text in (("usr/sbin/virtqemud", ""), ("sys/fs/selinux/enforce", "1\n")):
        (debian / name).parent.mkdir(parents=True, exist_ok=True)
        (debian / name).write_text(text)
    (debian / "usr/sbin/virtqemud").chmod(0o755)
    say(debian, [f"/{PATH}", "--check"], "ok    log\n")
    ran = on(debian, "hook", "install", "--yes", "--json")
    assert ran.code == 0
    for found in (ran, on(debian, "hook", "install", "--json"), on(debian, "hook", "check", "--json")):
        (told,) = found.envelope["findings"]
        assert (told["id"], told["level"]) == ("libvirt.hook", "warn") and "virtqemud" in told["cause"]
    assert "SELinux may keep libvirt from running the hook" in on(debian, "hook", "check").out
    log = debian / "var/log/vdesk/hook.log"
    log.parent.mkdir(parents=True)
    line = "2026-11-22T20:01:02+0100 hoth prepare: takes nothing (process 7, security label: a:b:virtqemud_t:s0)\n"
    log.write_text(line)
    assert on(debian, "hook", "check", "--json").envelope["findings"] == []
