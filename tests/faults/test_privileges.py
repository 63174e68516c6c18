"""What root believes and runs: nothing that another user can write, or that a link leads away to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import vdesk
from tests.commands.running import vdesk as command
from tests.faults.apart import apart, over
from tests.faults.played import Played, in_child
from vdesk.host import this_machine
from vdesk.host.elevate import run_with_sudo, scrubbed, typed_after_sudo
from vdesk.host.runner import SYSTEM_PATH, LocalRunner
from vdesk.host.trust import foreign, groups, kept

ME = frozenset({os.geteuid(), 0})
STATE = "var/lib/vdesk"


# --- who can write a path


def group_of_others(path: Path) -> None:
    """Group-writable, by a group that is not this user's own."""
    if os.geteuid() == 0:
        os.chown(path, -1, 4242)
    path.chmod(0o775)


LOOSE: dict[str, tuple[Callable[[Path], object], str]] = {
    "the file": (lambda top: (top / "a/b/c").chmod(0o666), "a/b/c"),
    "its folder": (lambda top: (top / "a/b").chmod(0o777), "a/b"),
    "a folder above": (lambda top: (top / "a").chmod(0o777), "a"),
    "nothing": (lambda top: None, ""),
    "a folder as /tmp is": (lambda top: (top / "a").chmod(0o1777), ""),
}


@pytest.mark.parametrize("name", LOOSE)
def test_up_to_the_root(name: str, tmp_path: Path) -> None:
    how, expected = LOOSE[name]
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_text("")
    how(tmp_path)
    for path in ("a/b/c", "a/b/missing"):
        found = [where for where, _ in foreign([str(tmp_path / path)], ME) if where.startswith(f"{tmp_path}/")]
        wanted = str(tmp_path / expected)
        assert found == ([wanted] if expected and f"{tmp_path}/{path}".startswith(wanted) else [])


def test_by_way_of_a_link(tmp_path: Path) -> None:
    """It counts where the link leads."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to("open")
    assert [why for _, why in foreign([str(tmp_path / "link")], ME)] == ["can be written by everybody"]


def test_a_link_on_the_way(tmp_path: Path) -> None:
    """Who can put another link there chooses the code: in the middle of a path, behind another link, by way of `..`."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").write_text("")
    (tmp_path / "open").mkdir()
    (tmp_path / "open/link").symlink_to("../real")
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "first").symlink_to("open/link")
    (tmp_path / "back").symlink_to("real/../open/link")
    for path in ("open/link/file", "open/link", "first/file", "back/file"):
        found = dict(foreign([str(tmp_path / path)], ME))
        assert found.get(str(tmp_path / "open")) == "can be written by everybody", path
    assert str(tmp_path / "open") not in dict(foreign([str(tmp_path / "real/file")], ME))
    other = frozenset({os.geteuid() + 1})
    assert dict(foreign([str(tmp_path / "first/file")], other))[str(tmp_path / "first")].startswith("belongs to user")


def test_links_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "away").symlink_to("nothing/there")
    for path in ("round/file", "away/file", "x/" * 1500):
        assert not [where for where, _ in foreign([f"{tmp_path}/{path}"], ME) if where.startswith(f"{tmp_path}/")]


def test_another_owner(tmp_path: Path) -> None:
    found = dict(foreign([str(tmp_path)], frozenset({os.geteuid() + 1})))
    assert found[str(tmp_path)] == f"belongs to user {os.geteuid()}"


# --- vdesk's own folders


WRONG: dict[str, Callable[[Path], object]] = {
    "a journal that everybody can write": lambda top: (top / "vdesk/journal").chmod(0o777),
    "a folder that its group can write": lambda top: (top / "vdesk").chmod(0o775),
    "an entry that everybody can write": lambda top: (top / "vdesk/journal/000001.jsonl").chmod(0o666),
    "an entry that is a link": lambda top: (top / "vdesk/journal/000002.jsonl").symlink_to("000001.jsonl"),
    "a journal that is a link": lambda top: _moved(top / "vdesk/journal", top / "elsewhere"),
    "a folder that is a link": lambda top: _moved(top / "vdesk", top / "elsewhere"),
}


def _moved(path: Path, target: Path) -> None:
    path.rename(target)
    path.symlink_to(target)


@pytest.mark.parametrize("name", [*WRONG, "nothing"])
def test_the_state_is_root_s_alone(name: str, played: Played) -> None:
    """On this machine itself, whose /var/lib is another folder as long as the test looks."""
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    top = played.root / "var/lib"
    if name in WRONG:
        WRONG[name](top)

    def look() -> list[tuple[str, str]]:
        over(top, "/var/lib")
        return list(kept(this_machine()))

    assert bool(apart(look)) is (name != "nothing")


def test_nothing_is_written_for_others(played: Played) -> None:
    """Also where the umask would let everybody write."""

    def loose() -> int:
        os.umask(0)
        codes = [played.vdesk(*line.split(), "--yes").code for line in ("iommu enable", "bind 01:00.0", "hook install")]
        return max(codes)

    assert in_child(loose) == 0
    own = [played.root / STATE, *(played.root / STATE).rglob("*"), played.root / "etc/libvirt/hooks/qemu.d"]
    assert len(own) >= 6
    assert [str(each) for each in own if each.lstat().st_mode & 0o022] == []
    assert (played.root / STATE / "journal").lstat().st_mode & 0o777 == 0o700
    assert {each.lstat().st_mode & 0o777 for each in (played.root / STATE / "journal").iterdir()} == {0o600}


# --- code


def open_copy(played: Played, memory: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a copy of vdesk that everybody can write, on the played machine."""
    copy = memory / "code/vdesk"
    shutil.copytree(Path(vdesk.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "plans").chmod(0o777)
    words = [sys.executable, "-m", "vdesk"]

    def run(*line: str) -> subprocess.CompletedProcess[str]:
        for name in ("etc", "boot", "var/lib", "sys"):
            over(played.root / name, f"/{name}")
        environment = {**os.environ, "PYTHONPATH": str(copy.parent)}
        return subprocess.run([*words, *line], cwd="/", env=environment, capture_output=True, text=True, check=False)

    return run


def test_root_does_not_run_what_others_can_write(played: Played, memory: Path) -> None:
    """The same command with the same journal: refused with a package that everybody can write, and nothing changed."""
    assert played.vdesk("iommu", "enable", "--yes").code == 0
    before = played.tree()
    run = open_copy(played, memory)
    ended = apart(lambda: run("undo", "--yes", "--json"))
    assert ended.returncode == 3, ended
    assert [each["id"] for each in json.loads(ended.stdout)["errors"]] == ["root.foreign-code"]
    assert played.tree() == before
    assert apart(lambda: run("history")).returncode == 0, "looking is not refused"
    assert apart(lambda: run("undo", "--dry-run")).returncode == 0


@pytest.mark.parametrize("line", ["capture FILE.tar.gz", "report -o FILE", "groups --svg FILE", "gpu rom 01:00.0"])
def test_nor_reads_for_others_with_it(line: str, played: Played, memory: Path) -> None:
    """What changes nothing, but reads what only root may, or writes a file as root; and another owner is no remedy."""
    run = open_copy(played, memory)
    words = [word.replace("FILE", str(memory / "made")) for word in line.split()]
    ended = apart(lambda: run(*words, "--json"))
    assert ended.returncode == 3, ended
    (told,) = json.loads(ended.stdout)["errors"]
    assert told["id"] == "root.foreign-code" and "install vdesk anew" in told["remedy"]
    assert "chown" not in told["remedy"] and not [*memory.glob("made*")]


# --- the environment


def test_the_environment_across_sudo(tmp_path: Path) -> None:
    """What sudo is given, whatever sudoers lets through after it."""
    (tmp_path / "sudo").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\nenv > {tmp_path}/seen\n')
    (tmp_path / "sudo").chmod(0o755)
    loud = ("PYTHONPATH", "PYTHONHOME", "ENV", "XDG_RUNTIME_DIR", "LD_PRELOAD", "LD_LIBRARY_PATH", "IFS", "BASH_ENV")

    def elevate() -> None:
        os.environ.update({name: "/tmp/evil" for name in (*loud, "GRUB_DEFAULT", "VDESK_X")})
        os.environ["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
        run_with_sudo(["bind", "01:00.0"])

    assert in_child(elevate) == 0
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert not {*loud, "GRUB_DEFAULT", "VDESK_X"} & set(seen)
    assert seen["PATH"] == ":".join(SYSTEM_PATH)
    words = (tmp_path / "words").read_text().split()
    assert words[0] == "--" and words[1].startswith("/") and words[-2:] == ["bind", "01:00.0"]


def test_the_name_that_sudo_finds(memory: Path) -> None:
    """What a person is told to type: the path of a program in a home, where sudo does not look."""
    for home in ("home/.local/bin", "elsewhere"):
        (memory / home).mkdir(parents=True)
    (memory / "elsewhere/vdesk").write_text("#!/bin/sh\n")
    (memory / "elsewhere/vdesk").chmod(0o755)
    (memory / "home/.local/bin/vdesk").symlink_to(memory / "elsewhere/vdesk")

    def typed(program: str, link: bool = False) -> str:
        if link:
            over(memory / "elsewhere", "/usr/local/bin")
        sys.argv[0] = program
        return typed_after_sudo()

    own = str(memory / "home/.local/bin/vdesk")
    assert apart(lambda: typed(own)) == own
    assert apart(lambda: typed("/usr/local/bin/vdesk", link=True)) == "vdesk"
    assert apart(lambda: typed("/usr/lib/python3/dist-packages/vdesk/__main__.py")) == "vdesk"


def test_what_stays_in_the_environment() -> None:
    given = {"TERM": "xterm", "LC_ALL": "C", "HOME": "/home/x", "SUDO_ASKPASS": "/usr/bin/ask", "LD_AUDIT": "x"}
    assert scrubbed(given) == {name: text for name, text in given.items() if name != "LD_AUDIT"} | {
        "PATH": ":".join(SYSTEM_PATH)
    }


def test_programs_of_programs(memory: Path) -> None:
    """Root's programs find theirs in no folder that another user can write, nor does vdesk."""
    (memory / "open").mkdir()
    (memory / "open/show").write_text("#!/bin/sh\necho $PATH\n")
    (memory / "open/show").chmod(0o755)
    shutil.copytree(memory / "open", memory / "safe")
    (memory / "open").chmod(0o777)
    path = [str(memory / "open"), str(memory / "safe"), "/usr/bin", "/bin"]
    ended = LocalRunner(path).run(["show"], timeout=10, changes=False, on_line=None)
    assert (str(memory / "open") in ended.stdout) is (os.geteuid() != 0)
    assert str(memory / "safe") in ended.stdout


def test_what_roots_programs_are_not_told(memory: Path) -> None:
    """Of a user's session: its home, its folder, its bus. A program of the user's own gets them."""
    (memory / "show").write_text("#!/bin/sh\nenv\n")
    (memory / "show").chmod(0o755)
    words = f"from vdesk.host.runner import LocalRunner\nhere = LocalRunner(['{memory}', '/usr/bin'])\n"
    words += "print(here.run(['show'], timeout=9, changes=False, on_line=None).stdout)"
    theirs = {"HOME": "/home/x", "XDG_RUNTIME_DIR": "/run/user/1", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/bus"}
    argv = [sys.executable, "-c", words]
    ended = subprocess.run(argv, env={**os.environ, **theirs}, capture_output=True, text=True, check=True, timeout=60)
    seen = {line.partition("=")[0]: line.partition("=")[2] for line in ended.stdout.splitlines()}
    kept = {name: seen[name] for name in theirs if name in seen}
    assert kept == (theirs if os.geteuid() else {"HOME": "/root"})
    assert "TERM" in seen


def test_a_group_of_the_users_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who it is says nothing of the group that has the same number; a group that one user is alone in is theirs."""
    (tmp_path / "file").write_text("")
    group_of_others(tmp_path / "file")
    gid = (tmp_path / "file").stat().st_gid
    found = dict(foreign([str(tmp_path / "file")], ME | {gid}))
    assert found[str(tmp_path / "file")] == f"can be written by the group {gid}"
    assert str(tmp_path / "file") not in dict(foreign([str(tmp_path / "file")], ME, frozenset({gid})))
    for user, group, expected in (("1", "1", {0, 1}), ("1", "65534", {0}), ("1", "", {0}), ("77777", "1", {0})):
        monkeypatch.setenv("SUDO_UID", user)
        monkeypatch.setenv("SUDO_GID", group)
        assert groups() == expected


@pytest.mark.parametrize("root", ["/", "//", "/.", "/usr/..", "link"])
def test_this_machine_is_no_captured_one(root: str, tmp_path: Path) -> None:
    """By that name it would be changed without root, and its state believed without a look at it."""
    (tmp_path / "link").symlink_to("/")
    place = str(tmp_path / "link") if root == "link" else root
    for line in ("check", "iommu enable -n", "undo -n"):
        ran = command("--root", place, *line.split(), "--json")
        assert (ran.code, ran.errors) == (2, ["usage.no-root"])
