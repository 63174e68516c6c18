"""The installed file as libvirt runs it: a process under the system's python, its input hostile, its cost small."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.bench import HOOK_FLOOR, HOOK_LIMIT, ratios
from tests.kernel.hooked import CARD, MARK, SOUND, STATE, UUID, domain, process, put, small
from tests.machines.parts import Tree
from vdesk.libvirt_hook.hook import concerns
from vdesk.libvirt_hook.phases import options
from vdesk.plans.hook_file import MODULES, hook_bytes

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "PWD": "/", "USER": "root"}
Ended = subprocess.CompletedProcess[bytes]


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """Return the file, executable."""
    file = tmp_path / "50-vdesk"
    file.write_bytes(hook_bytes())
    file.chmod(0o755)
    return file


def ran(hook: Path, *argv: str | Path, xml: bytes = b"", seconds: float = 40) -> Ended:
    """Run it in the environment that libvirt gives (seen in libvirt 11.3)."""
    return subprocess.run(
        [str(hook), *map(str, argv)], input=xml, capture_output=True, env=ENVIRONMENT, cwd="/", timeout=seconds
    )


# --- one file ---------------------------------------------------------------------------------------------------------


def test_it_stands_alone(hook: Path) -> None:
    text = hook.read_text()
    assert text.startswith("#!/usr/bin/python3 -IS\n")
    work = next(node for node in ast.parse(text).body if isinstance(node, ast.Assign) and "WORK" in ast.unparse(node))
    assert isinstance(work.value, ast.Constant) and isinstance(work.value.value, str)
    body = ast.parse(work.value.value).body
    for node in ast.walk(ast.parse(work.value.value)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module in ("collections.abc",)
    defined = [node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    defined += [ast.unparse(node.targets[0]) for node in body if isinstance(node, ast.Assign)]
    assert sorted(defined) == sorted(set(defined)), "one module would overwrite a name of another"


def test_every_module_is_in_it(hook: Path) -> None:
    import vdesk.libvirt_hook

    folder = Path(str(vdesk.libvirt_hook.__file__)).parent
    assert sorted((*MODULES, "hook", "__init__")) == sorted(path.stem for path in folder.glob("*.py"))
    assert hook_bytes() == hook.read_bytes()


def test_no_module_outside_the_standard_library(hook: Path) -> None:
    """Neither at the start nor for the work."""
    listing = f"import sys; sys.argv = ['{hook}', '--root', '/nowhere', '--holders=dev/null']\n"
    listing += f"import runpy\ntry:\n    runpy.run_path('{hook}', run_name='__main__')\nexcept SystemExit:\n    pass\n"
    listing += "print([name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names])"
    told = subprocess.run(["/usr/bin/python3", "-IS", "-c", listing], capture_output=True, check=True, text=True).stdout
    assert told.splitlines()[-1] == "['__main__']"


# --- not ours ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "operation", ["prepare", "start", "started", "stopped", "release", "reconnect", "migrate", "x"]
)
def test_not_ours(operation: str, hook: Path) -> None:
    ended = ran(hook, "other", operation, "begin", "-", xml=domain(CARD, SOUND, mark=""))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


@pytest.mark.parametrize("operation", ["start", "started", "stopped", "reconnect", "migrate", "restore", "attach"])
def test_nothing_to_do(operation: str, hook: Path, memory: Path) -> None:
    """Also for a marked machine, and whatever comes on stdin: a reconnect that fails would kill the machine."""
    put(small(), memory)
    for xml in (domain(CARD, SOUND), b"", b"urn:vdesk:domain:1 <<<", os.urandom(1 << 16)):
        for argv in (["hoth", operation, "begin", "-"], ["--root", str(memory), "hoth", operation, "begin", "-"]):
            ended = ran(hook, *argv, xml=xml)
            assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_the_mark_elsewhere_is_no_mark(hook: Path, memory: Path) -> None:
    put(small(), memory)
    for xml in (
        domain(CARD, mark="", more="<!-- urn:vdesk:domain:1 -->"),
        domain(CARD, mark="", name="urn:vdesk:domain:1"),
        domain(CARD, mark="<x>urn:vdesk:domain:1</x>"),
        domain(CARD, mark='<domain xmlns="urn:vdesk:domain:12"/>'),
    ):
        ended = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=xml)
        assert (ended.returncode, ended.stderr) == (0, b"") and not (memory / "run").exists()


def test_a_release_concerns_what_was_taken() -> None:
    assert not concerns(["x", "release", "end", "-"], domain(mark=""))
    assert concerns(["x", "release", "end", "-"], domain())
    for phase in (["prepare", "end"], ["release", "begin"], ["stopped", "end"], ["reconnect", "begin"]):
        assert not concerns(["x", *phase, "-"], domain())


def test_given_back_by_hand(hook: Path, memory: Path) -> None:
    root = put(small(), memory)
    (root / "run/vdesk/hook").mkdir(parents=True, mode=0o700)
    (root / "run/vdesk").chmod(0o700)
    left = {"functions": {}, "modules": [], "services": [], "consoles": ["vtcon9"]}
    (root / STATE).write_text(json.dumps(left))
    ended = ran(hook, "--root", memory, f"--give-back={UUID}")
    assert (ended.returncode, ended.stderr) == (0, b"") and f"nothing is taken for {UUID}" in ended.stdout.decode()
    assert not (root / STATE).exists()
    ended = ran(hook, "--root", memory, "--give-back=x")
    assert ended.returncode == 1 and b"no uuid" in ended.stderr and ended.stdout == b""


@pytest.mark.parametrize(
    "name", ["--give-back=x", "--check", "--root", "--holders=dev/null", "-", "a b\n$(touch /x)", "\u202e"]
)
def test_a_guest_may_have_any_name(name: str, hook: Path) -> None:
    """Four arguments are libvirt's call, whatever they look like."""
    ended = ran(hook, name, "prepare", "begin", "-", xml=domain(mark=""))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")


def test_a_guest_named_like_an_option() -> None:
    call = ["50-vdesk", "--root", "prepare", "begin", "-"]
    assert options(call) == ("/", call[1:])
    assert options(["50-vdesk", "--root", "/x", *call[1:]]) == ("/x", call[1:])
    assert options(["50-vdesk", "--root", "/x", "--check"]) == ("/x", ["--check"])
    assert options(["50-vdesk", "--root"]) == ("/", ["--root"])


def test_cost_of_a_machine_that_is_not_ours(hook: Path) -> None:
    """Twice the floor at most; the runs are interleaved, since the machine may be busy."""
    argv = [str(hook), "other", "prepare", "begin", "-"]
    assert max(ratios(argv, 21, HOOK_FLOOR)) <= HOOK_LIMIT


# --- input ------------------------------------------------------------------------------------------------------------

BOMB = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {after} "{f"&{name};" * 10}">' for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "empty but for the mark": b"urn:vdesk:domain:1",
    "cut off": domain(CARD)[:-40],
    "a bomb": f"{BOMB}]><domain><metadata>{MARK}</metadata><uuid>&i;</uuid></domain>".encode(),
    "an external entity": f'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/shadow">]><domain>{MARK}&x;</domain>'.encode(),
    "a document type": b"<!DOCTYPE domain [<!ENTITY x 'y'>]>" + domain(CARD),
    "depths": b"<domain><metadata>" + MARK.encode() + b"</metadata>" + b"<a>" * 200_000,
    "no uuid": domain(CARD, uuid=""),
    "a path as uuid": domain(CARD, uuid="../../../../etc/passwd"),
    "a long uuid": domain(CARD, uuid="6f" * 500_000),
    "an address that is none": domain(CARD).replace(b"bus='0x01'", b"bus='../x'"),
    "an address beyond all": domain(CARD).replace(b"bus='0x01'", b"bus='0x1ffff'"),
    "a negative address": domain(CARD).replace(b"slot='0x00'", b"slot='-1'"),
    "another encoding": b'<?xml version="1.0" encoding="nonsense"?>' + domain(CARD),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xml(name: str, hook: Path, memory: Path) -> None:
    """One line that says what is wrong, exit 1, nothing touched but the log; quickly."""
    put(small(), memory)
    begun = time.monotonic()
    ended = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=HOSTILE[name])
    assert time.monotonic() - begun < 10
    assert (ended.returncode, ended.stdout) == (1, b"")
    assert re.fullmatch(rb"vdesk: [^\n]+ \(log: /var/log/vdesk/hook.log\)\n", ended.stderr), ended.stderr
    assert b"the hook itself failed" not in ended.stderr and b"root:" not in ended.stderr
    assert not (memory / "run/vdesk/hook" / f"{UUID}.json").exists()
    released = ran(hook, "--root", memory, "hoth", "release", "end", "failed", xml=HOSTILE[name])
    assert released.returncode == 1 and released.stdout == b""


def test_a_name_of_a_megabyte(hook: Path, memory: Path) -> None:
    put(small("vfio-pci"), memory)
    xml = domain("0000:7f:00.0", name="h" * (1 << 20))
    ended = ran(hook, "--root", memory, "\x1b[31m" + "h" * 100_000, "prepare", "begin", "-", xml=xml)
    assert ended.returncode == 1 and len(ended.stderr) < 2000
    line = (memory / "var/log/vdesk/hook.log").read_text()
    assert len(line) < 3000 and "\x1b" not in line and line.count("\n") == 1


# --- on a tree whose files do nothing ---------------------------------------------------------------------------------


def test_a_kernel_that_does_nothing(hook: Path, memory: Path) -> None:
    """Plain files take every write and nothing moves: found out, said, and the attributes as before."""
    put(small() | {"sys/bus/pci/drivers/snd_hda_intel/unbind": ""}, memory)
    ended = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=domain(CARD, SOUND))
    assert ended.returncode == 1 and b"not vfio-pci" in ended.stderr
    assert b"Everything is as it was before." in ended.stderr
    assert not (memory / STATE).exists()
    assert ran(hook, "--root", memory, "hoth", "release", "end", "failed", xml=domain(CARD, SOUND)).returncode == 0


def test_a_kernel_that_does_not_return(hook: Path, memory: Path) -> None:
    """The unbind is a pipe that nobody reads: the open blocks as a held driver's write does."""
    root = put(small() | process(812, "pipewire", "/dev/snd/controlC1"), memory)
    os.mkfifo(os.path.realpath(root / f"sys/bus/pci/devices/{SOUND}/driver") + "/unbind")
    begun = time.monotonic()
    ended = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=domain(CARD, SOUND))
    assert time.monotonic() - begun < 20  # libvirt waits for the end of stderr too, which the child must not hold
    assert ended.returncode == 1 and b"pipewire (pid 812, user desk) has /dev/snd/controlC1 open" in ended.stderr
    pid = int(re.search(rb"process (\d+) waits", ended.stderr)[1])  # type: ignore[index]
    again = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=domain(CARD, SOUND))
    assert again.returncode == 1 and f"process {pid} waits in the kernel".encode() in again.stderr
    assert ran(hook, "--root", memory, "hoth", "release", "end", "failed", xml=domain(CARD, SOUND)).returncode == 1
    assert list(json.loads((memory / STATE).read_text())["functions"]) == [SOUND]
    os.kill(pid, 9)


def test_the_log_is_private_and_bounded(hook: Path, memory: Path) -> None:
    put(small(), memory)
    log = memory / "var/log/vdesk/hook.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"x" * (300 << 10))
    ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=domain("0000:7f:00.0"))
    assert (log.parent / "hook.log.1").stat().st_size == 300 << 10
    assert log.stat().st_mode & 0o777 == 0o600
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} hoth prepare: [^\n]+\n", log.read_text())


def test_a_log_that_is_a_link_is_not_followed(hook: Path, memory: Path) -> None:
    put(small(), memory)
    (memory / "var/log/vdesk").mkdir(parents=True)
    (memory / "var/log/vdesk/hook.log").symlink_to(memory / "victim")
    ended = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=domain("0000:7f:00.0"))
    assert ended.returncode == 1 and not (memory / "victim").exists()


def test_a_log_folder_that_is_another_s(hook: Path, memory: Path) -> None:
    """A group that may write /var/log, as syslog's, can put a link there, or a folder that it fills with links."""
    put(small() | dict.fromkeys(("usr/sbin/modprobe", "usr/sbin/systemctl"), "#!/bin/sh\n"), memory)
    (memory / "victim").mkdir()
    (memory / "victim/hook.log").write_text("")
    place = memory / "var/log/vdesk"
    place.parent.mkdir(parents=True)
    place.symlink_to(memory / "victim")
    for why in (b"vdesk is a link, or no folder", b"vdesk can be written by others than root"):
        ended = ran(hook, "--root", memory, "hoth", "prepare", "begin", "-", xml=domain("0000:7f:00.0"))
        assert ended.returncode == 1 and b"no device at it" in ended.stderr, "the phase itself goes on"
        ended = ran(hook, "--root", memory, "--check")
        assert ended.returncode == 1 and why in ended.stdout and b"ok    log" not in ended.stdout
        assert not [each for each in memory.rglob("hook.log") if each.stat().st_size]
        if place.is_symlink():
            place.unlink()
            place.mkdir()
            place.chmod(0o777)


def test_check(hook: Path, memory: Path) -> None:
    programs: Tree = dict.fromkeys(("usr/sbin/modprobe", "usr/sbin/systemctl"), "#!/bin/sh\n")
    put(small() | programs, memory)
    ended = ran(hook, "--root", memory, "--check")
    assert ended.returncode == 0 and b"fail" not in ended.stdout, ended.stdout
    (memory / "usr/sbin/modprobe").unlink()
    ended = ran(hook, "--root", memory, "--check")
    assert ended.returncode == 1 and b"fail  modprobe: the program modprobe is not installed" in ended.stdout
