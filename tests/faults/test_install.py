"""`vdesk install`: only what is missing, the package manager's own words where it fails, exactly that back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.cases import packages
from tests.faults.played import Played

LOCK = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)"
OFFLINE = "E: Failed to fetch http://deb.example/swtpm.deb  Temporary failure resolving 'deb.example'"
BROKEN = "E: Sub-process /usr/bin/dpkg returned an error code (1)"
LIST = "var/lib/dpkg/list"


@pytest.fixture
def bare(memory: Any) -> Played:
    """Return a Debian without a TPM emulator, whose person is in no group."""
    found = Played(memory, "no-tpm")
    packages(found)
    return found


def data(played: Played, *argv: str) -> dict[str, Any]:
    """The document of an `install` that worked."""
    ended = played.vdesk("install", "--json", *argv)
    assert ended.code == 0, ended
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_what_is_missing_and_the_groups(bare: Played) -> None:
    found = data(bare, "--yes")
    assert found["data"]["packages"] == ["swtpm", "swtpm-tools"]
    assert found["data"]["groups"] == ["libvirt", "kvm"]
    assert [each["state"] for each in found["changes"]] == ["done", "done"]
    assert (bare.root / LIST).read_text().split() == ["base-files", "libtpms0", "qemu-utils", "swtpm", "swtpm-tools"]
    assert ":109:user\n" in (bare.root / "etc/group").read_text()
    assert "newgrp libvirt" in bare.vdesk("install", "--yes").out or not data(bare, "--yes")["changes"]


def test_nothing_to_do(memory: Any) -> None:
    played = Played(memory)
    ended = played.vdesk("install")
    assert (ended.code, ended.out) == (0, "Everything is there: nothing to do.\n")


def test_quiet_in_a_pipe(bare: Played) -> None:
    assert bare.vdesk("install", "--yes").err == ""


def test_undo_takes_what_came_new_and_no_more(bare: Played) -> None:
    before = (bare.root / LIST).read_text()
    data(bare, "--yes")
    assert bare.vdesk("undo", "--yes").code == 0
    assert (bare.root / LIST).read_text() == before


def test_undo_keeps_what_no_machine_may_lose(bare: Played) -> None:
    """apt ends with an error where an important package is among those that came new, and removes none of them."""
    data(bare, "--yes")
    names = (bare.programs / "dpkg-query").read_text().partition("\n")[2]
    bare.fake("dpkg-query", f'case "$*" in *Essential*) printf "libtpms0\\tyes\\nswtpm\\t\\n"; exit;; esac\n{names}')
    ended = bare.vdesk("undo", "--yes", "-v")
    assert ended.code == 0 and "libtpms0: left here, apt-get removes it from no machine" in ended.err
    assert (bare.root / LIST).read_text().split() == ["base-files", "libtpms0", "qemu-utils"]


def test_undo_keeps_what_something_else_needs_now(bare: Played) -> None:
    data(bare, "--yes")
    script = bare.programs / "apt-get"
    script.write_text(script.read_text().replace('for name; do echo "Remv', 'for name in "$@" mine; do echo "Remv'))
    ended = bare.vdesk("undo", "--yes", "--json")
    assert (ended.code, ended.errors) == (5, ["undo.packages-needed"])
    assert "with them would go: mine" in ended.out
    assert "swtpm" in (bare.root / LIST).read_text()


@pytest.mark.parametrize(
    ("words", "error"), [(LOCK, "packages.locked"), (OFFLINE, "packages.no-download"), (BROKEN, "packages.failed")]
)
def test_the_package_managers_last_words(words: str, error: str, bare: Played) -> None:
    bare.fake("apt-get", f'case "$*" in *update*) exit 0;; esac; echo "{words}" >&2; exit 100')
    before = bare.tree()
    ended = bare.vdesk("install", "--yes", "--json")
    assert (ended.code, ended.errors) == (1, [error])
    assert words in json.loads(ended.out)["errors"][0]["cause"]
    after = {path: each for path, each in bare.tree().items() if not path.startswith("var/lib/vdesk")}
    assert after == before


def test_old_lists_are_fetched_once(bare: Played) -> None:
    script = bare.programs / "apt-get"
    gone = 'echo "$*" >> ROOT/asked; case "$*" in *update*) touch ROOT/fresh;; esac\n[ -e ROOT/fresh ] || exit 100\n'
    script.write_text(script.read_text().replace("cd ", gone.replace("ROOT", str(bare.root)) + "cd ", 1))
    data(bare, "--yes")
    asked = (bare.root / "asked").read_text()
    assert asked.count("update") == 1 and asked.count("--download-only") == 2


def test_a_package_manager_that_lies(bare: Played) -> None:
    bare.fake("apt-get", "exit 0")
    ended = bare.vdesk("install", "--yes", "--json")
    assert (ended.code, ended.errors) == (1, ["packages.not-there"])


@pytest.mark.parametrize(
    ("system", "program", "line"),
    [
        ("ID=fedora", "dnf", "dnf -y install swtpm swtpm-tools"),
        ("ID=opensuse-tumbleweed\nID_LIKE=suse", "zypper", "zypper --non-interactive install swtpm"),
        ("ID=arch", "pacman", "pacman -S --noconfirm --needed swtpm"),
    ],
)
def test_other_package_managers(system: str, program: str, line: str, bare: Played) -> None:
    (bare.root / "etc/os-release").write_text(system + "\n")
    for each in ("rpm", "pacman", "dnf", "zypper"):
        (bare.programs / each).unlink(missing_ok=True)
    bare.fake("rpm", f'case $1 in -qa) cat "{bare.root}/{LIST}";; esac')
    bare.fake(
        program,
        f"""
echo "$0 $*" >> {bare.root}/asked
case "$*" in
-Qq) cat {bare.root}/{LIST};;
*remove*|*-R*) printf 'base-files\\nqemu-utils\\n' > {bare.root}/{LIST};;
*--download*|*-Sw*) ;;
*install*|*-S*) printf 'base-files\\nlibtpms\\nqemu-utils\\nswtpm\\nswtpm-tools\\n' > {bare.root}/{LIST};;
esac
""",
    )
    assert f"$ {line}\n" in bare.vdesk("install", "-n").out
    data(bare, "--yes")
    assert f"{program} {' '.join(line.split()[1:])}".split() in [
        [each.rpartition("/")[2] for each in asked.split()] for asked in (bare.root / "asked").read_text().splitlines()
    ]
    assert bare.vdesk("undo", "--yes").code == 0
    assert (bare.root / LIST).read_text() == "base-files\nqemu-utils\n"


def test_libvirt_is_started_where_its_package_does_not(memory: Any) -> None:
    played = Played(memory)
    (played.root / "run/systemd/system").mkdir(parents=True)
    state = played.root / "libvirt-active"
    played.fake(
        "systemctl",
        f"""
case $1 in
is-active) [ -e {state} ] && [ "$2" = libvirtd.socket ] && echo active && exit 0; echo inactive; exit 3;;
is-enabled) echo disabled; exit 1;;
enable) touch {state};;
disable) rm {state};;
esac
""",
    )
    assert [each["kind"] for each in data(played, "--yes")["changes"]] == ["libvirt-daemon"]
    assert state.exists() and played.vdesk("install").out == "Everything is there: nothing to do.\n"
    assert played.vdesk("undo", "--yes").code == 0
    assert not state.exists()


def test_unknown_and_kept_in_images(bare: Played) -> None:
    (bare.root / "etc/os-release").write_text("ID=void\n")
    ended = bare.vdesk("install", "--json")
    assert (ended.code, ended.errors) == (3, ["packages.unknown-distribution"])
    assert "swtpm swtpm-tools" in ended.out
    (bare.root / "etc/os-release").write_text("ID=fedora\nVARIANT_ID=silverblue\n")
    (bare.root / "run").mkdir(exist_ok=True)
    (bare.root / "run/ostree-booted").touch()
    assert "rpm-ostree install swtpm" in bare.vdesk("install").err


def test_a_captured_machine_is_told_and_left(bare: Played) -> None:
    from tests.commands.running import on

    ran = on(bare.root, "install", "--yes", "--json")
    assert [each["state"] for each in ran.envelope["changes"]] == ["skipped", "skipped"]
    assert (bare.root / LIST).read_text() == "base-files\nqemu-utils\n"
