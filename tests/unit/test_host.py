"""The one door: three answers, a root that nothing leads out of, atomic writes, commands with limits."""

from __future__ import annotations

import os
import pathlib
import time

import pytest

from tests.trees import difference, snapshot
from vdesk.host import Host, captured
from vdesk.host.runner import LocalRunner, NotRecorded
from vdesk.model.errors import Absent, HostError, TimedOut, Untrusted


@pytest.fixture
def tree(tmp_path: pathlib.Path) -> pathlib.Path:
    """A captured machine beside a secret that it must not reach."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/plain").write_text("plain\n")
    return root


def test_absent_is_not_an_error_of_reading(tree: pathlib.Path) -> None:
    host = captured(str(tree))
    assert host.read_optional("etc/nothing") is None
    assert host.list("etc/nothing") == []
    assert not host.exists("etc/nothing")
    with pytest.raises(Absent):
        host.read("etc/nothing")
    with pytest.raises(Absent):
        host.read("etc/plain/below")


@pytest.mark.parametrize("path", ["/etc/plain", "etc/../etc/plain", "..", "etc/\0"])
def test_a_path_that_is_not_below_the_root_is_our_mistake(tree: pathlib.Path, path: str) -> None:
    with pytest.raises(ValueError, match="not a relative path"):
        captured(str(tree)).read(path)


@pytest.mark.parametrize("target", ["../../secret", "../../../../../../../../etc/passwd", "a", "../../root/../secret"])
def test_links_out_and_loops_are_not_followed(tree: pathlib.Path, target: str) -> None:
    (tree / "etc/a").symlink_to("a" if target == "a" else target)
    host = captured(str(tree))
    with pytest.raises(Untrusted):
        host.read("etc/a")
    before = snapshot(tree.parent)
    with pytest.raises(HostError):
        host.write("etc/a", b"x")
    assert not difference(before, snapshot(tree.parent))


def test_absolute_links_are_the_captured_machines(tree: pathlib.Path) -> None:
    (tree / "etc/a").symlink_to("/etc/plain")
    (tree / "b").symlink_to("/etc")
    host = captured(str(tree))
    assert host.read("etc/a") == "plain\n"
    assert host.read("b/plain") == "plain\n"
    (tree / "etc/out").symlink_to("/secret")
    assert host.read_optional("etc/out") is None
    with pytest.raises(Untrusted):
        (tree / "etc/out2").symlink_to("/../secret")
        host.read("etc/out2")


def test_a_link_is_written_through_not_replaced(tree: pathlib.Path) -> None:
    (tree / "etc/a").symlink_to("plain")
    (tree / "etc/plain").chmod(0o604)
    captured(str(tree)).write("etc/a", b"new")
    assert (tree / "etc/a").is_symlink()
    assert (tree / "etc/plain").read_bytes() == b"new"
    assert (tree / "etc/plain").stat().st_mode & 0o777 == 0o604
    assert sorted(os.listdir(tree / "etc")) == ["a", "plain"]


def test_devices_pipes_and_folders_are_not_read(tree: pathlib.Path) -> None:
    os.mkfifo(tree / "etc/pipe")
    host = captured(str(tree))
    begin = time.monotonic()
    for path in ("etc/pipe", "etc"):
        with pytest.raises(HostError):
            host.read(path)
    assert time.monotonic() - begin < 1
    (tree / "etc/null").symlink_to("/dev/null")
    assert host.read_optional("etc/null") is None


def test_huge_files_are_not_read(tree: pathlib.Path) -> None:
    with (tree / "etc/huge").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Untrusted):
        captured(str(tree)).read("etc/huge")


def test_what_could_not_be_captured_is_denied_not_absent(tree: pathlib.Path) -> None:
    (tree / "run/vdesk").mkdir(parents=True)
    (tree / "run/vdesk/machine.json").write_text('{"unreadable": ["/etc/secret"]}')
    with pytest.raises(HostError) as caught:
        captured(str(tree)).read("etc/secret")
    assert caught.value.id == "host.denied"


@pytest.mark.parametrize("text", ["", "[", "{}", '[1, {}, {"argv": 3}]', "null", "[" * 100000])
def test_records_of_a_wrong_shape(tree: pathlib.Path, text: str) -> None:
    (tree / "run/vdesk").mkdir(parents=True)
    (tree / "run/vdesk/commands.json").write_text(text)
    with pytest.raises(HostError):
        captured(str(tree)).run(["true"])


def test_a_captured_machine_runs_nothing(tree: pathlib.Path) -> None:
    (tree / "run/vdesk").mkdir(parents=True)
    (tree / "run/vdesk/commands.json").write_text('[{"argv": ["uname", "-r"], "exit_code": 0, "stdout": "6.1\\n"}]')
    host = captured(str(tree))
    assert host.run(["uname", "-r"]).stdout == "6.1\n"
    with pytest.raises(NotRecorded):
        host.run(["uname", "-a"])
    assert host.run(["touch", str(tree / "x")], changes=True).skipped
    assert not (tree / "x").exists()


def test_commands_have_limits_a_locale_and_no_input() -> None:
    host = Host("/", LocalRunner(["/usr/bin", "/bin"]))
    ended = host.run(["sh", "-c", 'cat; echo "$LC_ALL"; echo err >&2; exit 3'])
    assert (ended.exit_code, ended.stdout, ended.stderr) == (3, "C.UTF-8\n", "err\n")
    lines: list[str] = []
    host.run(["sh", "-c", "echo a; echo b >&2"], on_line=lines.append)
    assert sorted(lines) == ["a", "b"]
    begin = time.monotonic()
    with pytest.raises(TimedOut):
        host.run(["sh", "-c", "sleep 60 & sleep 60"], timeout=0.3)
    assert time.monotonic() - begin < 5
    with pytest.raises(Absent):
        host.run(["no-such-program-anywhere"])


def test_as_root_a_program_that_others_can_write_is_not_found(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    tmp_path.chmod(0o755)
    runner = LocalRunner([str(tmp_path)])
    assert runner.which("tool") == str(program)
    program.chmod(0o777)
    assert (runner.which("tool") is None) == (os.geteuid() == 0)
    program.chmod(0o755)
    tmp_path.chmod(0o777)
    assert (runner.which("tool") is None) == (os.geteuid() == 0)
