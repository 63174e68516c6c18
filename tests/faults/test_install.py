"""`vdesk install`: only what is missing, the package manager's own words where it fails, exactly that back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.cases import packages
from tests.faults.played import Played, in_child
from vdesk.changes import recovery
from vdesk.host.packages import MANAGERS, planned

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


@pytest.mark.parametrize("name", ["debian", "fedora", "arch", "opensuse-leap"])
def test_the_program_that_start_names_is_installed(name: str, memory: Any) -> None:
    """`vdesk start` names virt-viewer, which virt-manager does not bring along everywhere."""
    played = Played(memory)
    (played.root / "etc/os-release").write_text(f"ID={name}\nID_LIKE=suse\n" if "suse" in name else f"ID={name}\n")
    for manager in ("apt-get", "dnf", "pacman", "zypper"):
        (played.root / f"usr/bin/{manager}").touch()
    (played.root / "usr/bin/virt-viewer").unlink()
    assert data(played, "--dry-run")["data"]["packages"] == ["virt-viewer"]


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


def cut_off(bare: Played) -> None:
    """The power goes in the middle of `install`; days later other packages are there."""
    script = bare.programs / "apt-get"
    text = script.read_text()
    script.write_text(text.replace("case $verb in", '[ $verb = install ] && kill -9 $PPID && exit\ncase $verb in'))
    assert in_child(lambda: bare.vdesk("install", "--yes").code) == -9
    script.write_text(text)
    (bare.root / LIST).write_text("base-files\nfirefox\nlibtpms0\nqemu-utils\nswtpm\n")


def test_cut_off_only_its_own_packages_go(bare: Played) -> None:
    """What an update or a person has installed since is not vdesk's to remove."""
    cut_off(bare)
    assert recovery.interrupted(bare.host())
    assert bare.vdesk("hook", "install", "--yes").code == 0
    assert (bare.root / LIST).read_text().split() == ["base-files", "firefox", "qemu-utils"]


def test_cut_off_what_something_else_needs_now_stays(bare: Played) -> None:
    cut_off(bare)
    script = bare.programs / "apt-get"
    script.write_text(script.read_text().replace('for name; do echo "Remv', 'for name in "$@" mine; do echo "Remv'))
    ended = bare.vdesk("undo", "--yes", "--json")
    assert (ended.code, ended.errors) == (5, ["undo.packages-needed"])
    assert "swtpm" in (bare.root / LIST).read_text()


PLANS = {
    "debian": "Reading package lists...\nSuggested packages:\n  foo\nInst libtpms0 (0.9 Debian [amd64])\n"
    "Inst swtpm [0.6] (0.7 Debian [amd64])\nConf libtpms0 (0.9 Debian [amd64])\n",
    "fedora": "Last metadata expiration check: 0:01:00 ago.\nDependencies resolved.\n=====\n Package  Arch  Version\n"
    "=====\nInstalling:\n swtpm    x86_64 0.8-1  fedora 40 k\nUpgrading:\n gnutls x86_64 3.8 updates 1 M\n"
    "Installing dependencies:\n libtpms0 x86_64 0.9-1 fedora 400 k\n\nTransaction Summary\n=====\n"
    "Install  2 Packages\n\nOperation aborted.\n",
    "suse": "<?xml version='1.0'?>\n<stream>\n<install-summary download-size='1'>\n<to-upgrade>"
    '<solvable type="package" name="gnutls" edition="3"/></to-upgrade><to-install>\n'
    '<solvable type="package" name="libtpms0" edition="0.9" arch="x86_64" summary="x &gt; y"/>\n'
    '<solvable type="package" name="swtpm" edition="0.8"/>\n</to-install></install-summary></stream>\n',
    "arch": ":: Synchronizing\nlibtpms0\nswtpm\n",
}


@pytest.mark.parametrize("family", PLANS)
def test_what_would_be_installed(family: str, bare: Played) -> None:
    manager = MANAGERS[family]
    (bare.root / "plan").write_text(PLANS[family])
    bare.fake(manager.program, f"cat {bare.root}/plan; exit 1")
    assert planned(bare.host(), manager, ["swtpm"]) == ["libtpms0", "swtpm"]
    (bare.programs / manager.program).unlink()
    assert planned(bare.host(), manager, ["swtpm"]) == ["swtpm"], "it cannot be asked"


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
