"""completions/ is what the generator makes, and the real shells complete with it: commands, options, and what only the
machine knows: addresses with their devices, virtual machines, networks, rules."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

from tests.commands.running import on
from tests.completions import FILES, FOLDER, script
from tests.machines.builder import build

BIN = Path(sys.executable).parent
PROMPT = "READY> "


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """vdesk in PATH, and a captured machine with two virtual machines and a network."""
    root = build("article-booted", tmp_path_factory.mktemp("machine"))
    for name in ("hoth", "endor", "networks/default"):
        path = root / f"etc/libvirt/qemu/{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<x/>")
    for words in (("hook", "install"), ("bind", "02:00.0")):
        assert on(root, *words, "--yes").code == 0
    home = tmp_path_factory.mktemp("home")
    plain = {"VDESK_ROOT": str(root), "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
    return {"PATH": f"{BIN}:{os.environ['PATH']}", **plain}


@pytest.mark.parametrize("shell", FILES)
def test_files_are_current(shell: str) -> None:
    assert (FOLDER / FILES[shell]).read_text(encoding="utf-8") == script(shell), "./dev completions writes it anew"


Shown = Callable[[str], str]


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def shown(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Shown]:
    """What a shell shows after a line and TAB: the line as it is then, and the choices."""
    if request.param == "fish":
        yield lambda line: _fish(line, environment)
        return
    child = _bash(environment) if request.param == "bash" else _zsh(environment)
    yield lambda line: _after_tab(child, line)
    child.close(force=True)


def _fish(line: str, environment: dict[str, str]) -> str:
    program = f"source {FOLDER / 'vdesk.fish'}; complete -C '{line}'"
    done = subprocess.run(["fish", "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert not done.stderr
    return f"{line}\n{done.stdout}"


def _bash(environment: dict[str, str]) -> pexpect.spawn[str]:
    child = pexpect.spawn(
        "bash", ["--norc", "--noprofile"], env={**environment, "PS1": PROMPT}, encoding="utf-8", dimensions=(50, 200)
    )
    child.expect_exact(PROMPT)
    for line in ("bind 'set bell-style none'", "bind 'set show-all-if-ambiguous on'", f"source {FOLDER}/vdesk.bash"):
        child.sendline(line)
        child.expect_exact(PROMPT)
    return child


def _zsh(environment: dict[str, str]) -> pexpect.spawn[str]:
    child = pexpect.spawn("zsh", ["-f"], env=environment, encoding="utf-8", dimensions=(50, 200))
    for line in (
        f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D",
        "setopt no_beep no_auto_menu no_list_ambiguous",
        f"PS1='{PROMPT}'; unset zle_bracketed_paste",
    ):
        child.sendline(line)
    child.sendline("echo ST''ARTED")
    child.expect_exact("STARTED")
    child.expect_exact(PROMPT)
    return child


def _after_tab(child: pexpect.spawn[str], line: str) -> str:
    """Type, TAB, wait until it is quiet, give the line up."""
    child.send(line + "\t")
    said = ""
    while True:
        try:
            said += child.read_nonblocking(4096, 6 if len(said) <= len(line) + 2 else 0.5)
        except pexpect.TIMEOUT:
            break
    child.send("\x03")
    child.expect_exact(PROMPT)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x07|\r", "", said)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("vdesk iom", ["iommu"]),
        ("vdesk iommu en", ["enable"]),
        ("vdesk iommu enable --igf", ["--igfx-off"]),
        ("vdesk gpu select n", ["nvidia"]),
        ("vdesk bind 01:", ["00.0", "00.1", "GTX 950"]),
        ("vdesk bind 0000:02", ["00.0"]),
        ("vdesk create x --gpu n", ["none"]),
        ("vdesk create x --network de", ["default"]),
        ("vdesk start h", ["hoth"]),
        ("vdesk start ", ["hoth", "endor"]),
        ("vdesk bind 01:00.0 --force ho", ["host-display", "host-network"]),
        ("vdesk setup --gpu 01:", ["00.0"]),
        ("vdesk setup --gpu no", ["none"]),
        ("vdesk setup --force in", ["in-use"]),
        ("vdesk setup --iso READ", ["README"]),
        ("vdesk setup --virtio-iso READ", ["README"]),
        ("vdesk setup --disk READ", ["README"]),
        ("vdesk create x --disk READ", ["README"]),
        ("vdesk answer-file READ", ["README"]),
        ("vdesk --root READ", ["README"]),
        ("vdesk demo iom", ["iommu"]),
        ("vdesk demo iommu dis", ["disable"]),
        ("vdesk undo ", ["1", "hook install", "2", "bind"]),
    ],
)
def test_completes(line: str, expected: list[str], shown: Shown) -> None:
    said = shown(line)
    assert all(each in said for each in expected), said


def test_nothing_to_offer_is_no_error(shown: Shown) -> None:
    assert shown("vdesk zz").strip() == "vdesk zz"


def test_the_address_is_whole_afterwards(environment: dict[str, str]) -> None:
    """Bash takes it apart at the colons: what is put in must not repeat what is there."""
    child = _bash(environment)
    said = _after_tab(child, "vdesk bind 02:00")
    assert said.splitlines()[0].strip() == "vdesk bind 02:00.0"
    child.close(force=True)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("win$(touch RAN) `touch RAN`;touch RAN;x", "vdesk start w"),
        ("two words 'here'", "vdesk start two\\ w"),
        ("plain", "vdesk start 'pl"),
        ("two words", "vdesk start --connect 'x y' two"),
    ],
)
def test_a_name_is_one_word_whatever_it_holds(
    environment: dict[str, str], tmp_path: Path, shell: str, name: str, typed: str
) -> None:
    """Completed and entered, the shell runs nothing of it, and vdesk gets the name as it is."""
    root, said = tmp_path / "root", tmp_path / "said"
    (root / "etc/libvirt/qemu").mkdir(parents=True)
    (root / f"etc/libvirt/qemu/{name}.xml").write_text("<x/>")
    child = (_bash if shell == "bash" else _zsh)({**environment, "VDESK_ROOT": str(root)})
    child.sendline(f"cd {tmp_path}")
    child.expect_exact(PROMPT)
    # The command that is completed for, and then run in the place of vdesk.
    child.send(typed + "\t")
    while True:
        try:
            child.read_nonblocking(4096, 2)
        except pexpect.TIMEOUT:
            break
    child.send("\x01")  # to the begin of the line
    child.send(f"printf '%s\\n' > {said} ")
    child.send("\r")
    child.sendline("echo EN''DED")
    child.expect_exact("ENDED")
    child.close(force=True)
    assert said.read_text().splitlines()[-1] == name
    assert not (tmp_path / "RAN").exists()


def test_a_machine_that_cannot_be_read_offers_nothing(environment: dict[str, str]) -> None:
    lost = {**environment, "VDESK_ROOT": "/nowhere", "COMP_WORDS": "vdesk\nbind\n0", "COMP_CWORD": "2"}
    done = subprocess.run(
        [BIN / "vdesk"], env={**lost, "_VDESK_COMPLETE": "bash_complete"}, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")
