"""Every command that changes something, by its full name, with the machine and the commands that go before it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from tests.faults.played import ISO, NVIDIA_MODULES, Played
from tests.machines.parts import Machine
from tests.unit import test_boot_image as images
from tests.unit.scenes import with_card
from tests.unit.test_gpu import CHOICE, PRIME

CREATE = f"create hoth --iso {ISO} --os linux --disk 4MiB --memory 2GiB --cpus 2"
DOMAIN = '<domain type="{kind}"><name>hoth</name><memory>1024</memory><os><type machine="q35">hvm</type></os></domain>'

# The list of packages is a sorted file of names; the program that a package brings is there when its name is.
PROGRAMS = {
    "env": 'while case $1 in *=*) true;; *) false;; esac; do shift; done; name=$1; shift; exec BIN/"$name" "$@"',
    "dpkg-query": 'while read -r name; do printf "%s\\tinstalled\\n" "$name"; done < ROOT/var/lib/dpkg/list',
    "dpkg": "exit 0",
    "apt-get": """
cd ROOT/var/lib/dpkg || exit 1
simulate=; for word; do [ "$word" = -s ] && simulate=1; [ "$word" = --download-only ] && exit 0; done
while case $1 in install|remove|update) false;; *) true;; esac; do shift; done
verb=$1; shift
[ "$simulate$verb" = 1install ] && { for name in libtpms0 "$@"; do echo "Inst $name (1 deb)"; done; exit 0; }
[ -n "$simulate" ] && { for name; do echo "Remv $name [1]"; done; exit 0; }
case $verb in
install) for name in libtpms0 "$@"; do
    echo "Setting up $name"; { cat list; echo "$name"; } | sort -u > list.new; mv list.new list; done;;
remove) for name; do grep -vx "$name" list > list.new; mv list.new list; done;;
esac
""",
    "usermod": """
for group in $(echo "$2" | tr , ' '); do
    sed -i -e "/^$group:/s/:$/:$3/;t" -e "/^$group:/s/\\([^:]\\)$/\\1,$3/" ROOT/etc/group
done
""",
    "gpasswd": 'sed -i -e "/^$3:/s/:$2$/:/;/^$3:/s/,$2$//" ROOT/etc/group',
}


def nvidia() -> Machine:
    """A card on NVIDIA's driver, whose modules are loaded and whose service runs."""
    from dataclasses import replace

    found = with_card("debian", driver="nvidia")()
    return replace(found, files={**found.files, **{f"sys/module/{name}/refcnt": "0\n" for name in NVIDIA_MODULES}})


def two_kernels(played: Played) -> None:
    """Two kernels with their images, and the programs of initramfs-tools."""
    for name in images.KERNELS:
        (played.root / "lib/modules" / name).mkdir(parents=True, exist_ok=True)
    (played.root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
    (played.root / "usr/bin/python3").touch()
    for name, text in (
        ("lsinitramfs", images.LIST),
        ("mkinitramfs", "exit 1"),
        ("update-initramfs", images.UPDATE.replace("BREAK", ":")),
    ):
        played.fake(name, text)
    for path in images.IMAGES:
        (played.root / path).write_text("old\n")
    subprocess.run([played.programs / "update-initramfs", "-u", "-k", "all"], check=True)


def prime(played: Played) -> None:
    """Ubuntu's prime-select, set to intel."""
    played.fake("prime-select", PRIME)
    (played.root / CHOICE).write_text("off\n")
    subprocess.run([played.programs / "prime-select", "intel"], check=True, stdout=subprocess.DEVNULL)


def packages(played: Played) -> None:
    """Debian's programs for packages and groups, and a person who is in none of the groups."""
    for name, text in PROGRAMS.items():
        played.fake(name, text.replace("BIN", str(played.programs)))
    (played.root / "var/lib/dpkg").mkdir(parents=True)
    (played.root / "var/lib/dpkg/list").write_text("base-files\nqemu-utils\n")
    file = played.root / "etc/group"
    file.write_text(file.read_text().replace(":108:user", ":108:").replace(":109:user", ":109:"))


@dataclass(frozen=True)
class Case:
    """A command line; `before` are run first and stay; `libvirt` is the driver that it talks to.

    `defined`: a machine hoth of a person's is there. `final`: the errors of an undo that cannot bring all back, as the
    command says before. `halts` are commands that end where this one, too, has come to the end of a part. `kept` is
    False for what leaves nothing to be taken back: it is finished by running it again. `setup` adds to the machine."""

    line: str
    before: tuple[str, ...] = ()
    base: str | Callable[[], Machine] = "debian"
    libvirt: str = ""
    defined: bool = False
    final: tuple[str, ...] = ()
    halts: tuple[tuple[str, ...], ...] = ()
    kept: bool = True
    setup: Callable[[Played], None] | None = None


CASES: dict[str, tuple[Case, ...]] = {
    "install": (Case("install", base="no-tpm", setup=packages),),
    "setup": (
        Case(
            f"setup --iso {ISO} --os linux --name hoth --disk 4MiB --memory 2GiB --cpus 2",
            libvirt="test",
            halts=(("hook install",),),
        ),
    ),
    "iommu enable": (Case("iommu enable --igfx-off --pt"),),
    "iommu disable": (Case("iommu disable", ("iommu enable --pt",)),),
    "bind": (
        Case("bind 01:00.0"),
        Case("bind 01:00.0", base=nvidia),
        Case("bind 01:00.0 --boot", setup=two_kernels),
    ),
    "unbind": (
        Case("unbind 01:00.0", ("bind 01:00.0",)),
        Case("unbind 01:00.0", ("bind 01:00.0",), base=nvidia),
        Case("unbind 01:00.0 --boot", ("bind 01:00.0 --boot",), setup=two_kernels),
    ),
    "gpu select": (Case("gpu select on-demand", base="laptop-muxless", setup=prime),),
    "hook install": (Case("hook install"),),
    "hook remove": (Case("hook remove", ("hook install",)),),
    "undo": (
        Case(
            "undo --all",
            ("iommu enable --pt", "bind 01:00.0", "hook install"),
            halts=(("undo 3",), ("undo 3", "undo 2")),
        ),
        Case("undo 1", ("bind 01:00.0",), base=nvidia),
    ),
    "create": (Case(CREATE, libvirt="test"), Case(f"{CREATE} --disk-format qcow2", libvirt="test")),
    "delete": (
        Case("delete hoth", (CREATE,), libvirt="test"),
        Case("delete hoth --disks", (CREATE,), libvirt="test", final=("undo.disk-removed",)),
    ),
    "attach": (Case("attach hoth 02:00.0", libvirt="qemu", defined=True),),
    "detach": (Case("detach hoth 02:00.0", ("attach hoth 02:00.0",), libvirt="qemu", defined=True),),
    "start": (Case("start hoth", libvirt="test", defined=True, kept=False),),
    "stop": (Case("stop hoth --force", ("start hoth",), libvirt="test", defined=True, kept=False),),
}
EVERY = {f"{name}-{number}": case for name, some in CASES.items() for number, case in enumerate(some)}
KEPT = {name: case for name, case in EVERY.items() if case.kept}
PASSING = {name: case for name, case in EVERY.items() if not case.kept}
READING = {
    "check", "demo", "doctor", "gpu list", "gpu query", "groups", "history", "hook check", "hook status",
    "iommu groups", "iommu status", "list", "show",
}  # fmt: skip
# These write one new file that the person names, and nothing else: no journal, no undo.
WRITING = {
    "answer-file": "answer-file /root/answers.xml --user me --password-file /root/password",
    "capture": "capture {root}/captured",
    "groups": "groups --svg {root}/groups.svg",
    "report": "report -o {root}/report.html",
    "gpu rom": "gpu rom 01:00.0 -o {root}/rom.bin",
}
# What a command calls that changes something: it then has to stand in CASES.
CHANGES = ("changing", "after_recovery", "act", "mode", "consent")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command below vdesk that is no group, by its full name."""
    from vdesk.cli import main

    yield from _below(main, "")


def _below(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for each in group.list_commands(context):
        found = group.get_command(context, each)
        assert found is not None
        if isinstance(found, click.Group):
            yield from _below(found, f"{name}{each} ")
        else:
            yield f"{name}{each}", found


def calls(command: click.Command) -> set[str]:
    """The names that the command's function uses."""
    function: Any = command.callback
    return set(getattr(function, "__wrapped__", function).__code__.co_names)
