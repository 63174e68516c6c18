"""Every command on every machine of the golden files, in Spanish: nothing that a person reads is left in English."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

import pexpect
import pytest

from tests.commands.cases import CASES
from tests.commands.running import Machines, on, vdesk
from tests.commands.test_golden import EACH, libvirt_test_driver
from tests.commands.test_terminal import TOP, shown, terminal
from tests.faults.cases import commands
from vdesk.machines.tour import INTRO, OUTRO, TOUR
from vdesk.render.language import speaker

# Words that English cannot do without, and that Spanish, commands and names have not.
ENGLISH = re.compile(
    r"(?<![\w./=-])(?:the|is|are|was|were|been|of|and|or|not|with|it|its|this|that|these|from|for|by|on|in|to|at|has|"
    r"have|can|could|be|which|when|where|without|there|here|into|out|what|who|why|how|only|nothing|none|nobody|driver|"
    r"device|card|machine|give|take|look|see|run|use|used|read|write|written|found|left|kept)(?![\w/=-]|\.\w)",
    re.IGNORECASE,
)
# What others say, quoted as it is: the kernel, programs, pci.ids, files.
QUOTED = re.compile(
    r"^kernel   .*|^         (?:[-+@ ].*|\$ .*)|^\$ vdesk .*|^ *<.*|DMAR(?:-IR)?: [^;]*|AMD-Vi: [^;]*|\(on\)|"
    r"\"[^\"]*(?:\"|$)|`[^`]*`|sudo [^;]*|journalctl [^;:]*|virsh [^;]*|vdesk (?:check|create|iommu|groups)\b|"
    r"  \S.*? \[[0-9a-f]{4}:[0-9a-f]{4}\]  [^,]*|Technology for Directed I/O|"
    r"(?:ADDR|FILE)\|(?:auto\|)?none|--gpu none|\([A-Z][^)]*(?:device|controller)\)"
)


@pytest.fixture(autouse=True)
def spanish(monkeypatch: pytest.MonkeyPatch) -> None:
    """The locale of somebody who speaks Spanish."""
    monkeypatch.setenv("LANGUAGE", "es")


def english(text: str) -> list[str]:
    """The lines with English words in them, without what is quoted."""
    lines = (QUOTED.sub("", line) for line in text.splitlines())
    return [line for line in lines if ENGLISH.search(line)]


@pytest.mark.parametrize(("name", "machine"), EACH, ids=[f"{name}-{machine}" for name, machine in EACH])
def test_no_english_is_left(name: str, machine: str, fresh: Machines) -> None:
    root, left = fresh(machine), []
    with libvirt_test_driver():
        for line in CASES[name].lines:
            ran = on(root, *shlex.split(line))
            left += english(ran.out + ran.err)
    assert not left


@pytest.mark.parametrize("name", ["", "iommu", "gpu", "hook", *(name for name, _ in commands())])
def test_help_is_in_spanish(name: str) -> None:
    ran = vdesk(*name.split(), "--help")
    assert ran.code == 0 and ran.out.startswith("Uso: vdesk")
    assert set(re.findall(r"^(\w+):$", ran.out, re.MULTILINE)) <= {"Opciones", "Órdenes", "Ejemplos"}
    assert not english(ran.out)


@pytest.mark.parametrize(("answer", "code"), [("s", 0), ("sí", 0), ("y", 0), ("n", 130), ("", 130)])
def test_the_question_takes_both_languages(answer: str, code: int, fresh: Machines) -> None:
    child = terminal(fresh("debian"), "bind", "01:00.0")
    child.expect_exact("¿Hacer esto? [s/N]: ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == code


def test_another_answer_is_asked_again(fresh: Machines) -> None:
    child = terminal(fresh("debian"), "bind", "01:00.0")
    child.expect_exact("[s/N]: ")
    child.sendline("quizá")
    child.expect_exact("Error: entrada no válida")
    child.expect_exact("[s/N]: ")
    child.sendeof()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130 and "interrumpi" in str(child.before)


def test_json_stays_english(fresh: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fresh("debian")
    lines = (("check", "--json"), ("frobnicate", "--json"), ("bind", "00:02.0", "-n", "--json"), ("bind", "--json"))
    spanish = [on(root, *line).out for line in lines]
    monkeypatch.setenv("LANGUAGE", "en")
    assert spanish == [on(root, *line).out for line in lines]


@pytest.mark.parametrize("name", ["", "iommu"])
def test_a_group_alone_prints_its_help(name: str) -> None:
    ran = vdesk(*name.split())
    assert (ran.code, ran.err) == (2, "") and "Órdenes:" in ran.out


def test_lines_fit_eighty_columns(fresh: Machines) -> None:
    for line in ("check", "groups", "iommu status"):
        assert max(map(len, shown(fresh("debian"), *line.split(), "--no-color").split("\r\n"))) <= 80


def test_the_tour_fits_eighty_columns() -> None:
    said = {line for step in TOUR for line in step.before} | {*INTRO, *OUTRO}
    put = speaker("es")
    assert not [line for line in said if len(put(line)) > 80 or put(line) == line]


def test_a_locale_without_the_signs(fresh: Machines) -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    for words in (["check", "--help"], ["check"]):
        argv = [sys.executable, "-m", "vdesk", "--root", str(fresh("debian")), *words]
        done = subprocess.run(argv, capture_output=True, cwd=TOP, env=env, check=False)
        assert b"quina" in done.stdout and b"Traceback" not in done.stderr
