"""`vdesk report` and `groups --svg`: one page and one picture, complete, closed to the outside, and without names."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.commands.private import PRIVATE, plant
from tests.commands.running import Ran, vdesk
from tests.machines.builder import build, names
from vdesk.render.page import page, svg

SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "br"}
HOSTILE = '</title></style></svg><script>alert(1)</script><img src="http://x/" onerror="y">'


class Reader(HTMLParser):
    """The tags of a page: each closed where it should be, and what it would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def read(text: str) -> tuple[set[str], str]:
    """The tags, and the words that a person reads; fails for a page that is not whole, or loads something."""
    text.encode("ascii")
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open and not reader.tags & {"script", "link", "img", "iframe", "object", "form", "a", "image"}
    assert "url(" not in text and "@import" not in text
    assert set(re.findall(r"https?://[^\s\"<&]+", text)) <= {"http://www.w3.org/2000/svg", "http://x/"}
    return reader.tags, "\n".join(reader.words)


def written(root: Path, file: Path, *more: str) -> str:
    ran = vdesk("--root", root, *(more or ("report", "-o")), file)
    assert ran.code == 0 and str(file) in ran.out, ran.err
    return file.read_text()


@pytest.mark.parametrize("name", names())
def test_a_page_of_every_machine(name: str, tmp_path: Path) -> None:
    root = build(name, tmp_path / "machine")
    text = written(root, tmp_path / "page.html")
    _, words = read(text)
    assert "default-src 'none'" in text.replace("&#x27;", "'") and str(tmp_path) not in text
    said = vdesk("--root", root, "check").out.split("\n\n")[-1].splitlines()[0]
    assert said in words
    check = vdesk("--root", root, "check", "--json").envelope
    for each in check["findings"]:
        assert each["id"] in words and each["title"] in words
        assert each["level"] == "ok" or not each["remedy"] or each["remedy"] in words
    for group in vdesk("--root", root, "groups", "--json").envelope["data"]["groups"]:
        assert f"group {group['id']}: " in words
    for card in check["data"]["gpus"]:
        assert f"{card['address']} {card['name']} [{card['vendor']}:{card['device']}]" in words


def test_in_spanish_and_to_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = build("article", tmp_path / "machine")
    monkeypatch.setenv("LANGUAGE", "es")
    ran = vdesk("--root", root, "report", "--output", "-")
    assert ran.code == 0 and '<html lang="es">' in ran.out and "Los dispositivos y sus grupos" in read(ran.out)[1]
    assert vdesk("--root", root, "report", "-o", "-", "--json").envelope["data"]["page"].startswith("<!DOCTYPE html>")


# --- what must not be in it


@pytest.mark.parametrize("language", ["", "es"])
def test_nothing_private_is_in_it(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = build("article-booted", tmp_path / "machine")
    plant(root)
    log = root / "run/vdesk/kernel.log"
    log.write_text(log.read_text() + "vfio-pci 0000:01:00.0: seen by anakin on coruscant, serial: SN-7766554433\n")
    monkeypatch.setenv("LANGUAGE", language)
    whole = written(root, tmp_path / "page.html") + written(root, tmp_path / "groups.svg", "groups", "--svg")
    assert not [word for word in PRIVATE if word.lower() in whole.lower()]
    assert "vfio-pci 0000:01:00.0: seen by user on host" in whole


def test_what_others_wrote_is_text(tmp_path: Path) -> None:
    """A name, the kernel's command line and its messages: never a tag, never a sign that no text has."""
    root = build("article-booted", tmp_path / "machine")
    for path in ("proc/cmdline", "run/vdesk/kernel.log"):
        (root / path).write_bytes(f"vfio {HOSTILE} \x1b]0;x\x07 \u202e".encode() + b"\xff\xfe\n")
    ids = root / "usr/share/misc/pci.ids"
    ids.write_text(ids.read_text().replace("GM206 [GeForce GTX 950]", HOSTILE))
    text = written(root, tmp_path / "page.html")
    _, words = read(text)
    assert words.count("<script>alert(1)</script>") >= 4 and "\x1b" not in words and "\u202e" not in words
    drawn = written(root, tmp_path / "groups.svg", "groups", "--svg")
    assert not list(ElementTree.fromstring(drawn).iter(f"{SVG}script")) and "alert(1)" in drawn


# --- the picture


def shown(text: str) -> list[str]:
    """The lines of a picture, from top to bottom."""
    rows = [
        (float(each.get("y", "0")), "".join(each.itertext()))
        for each in ElementTree.fromstring(text).iter(f"{SVG}text")
    ]
    return [line for _, line in sorted(rows, key=lambda row: row[0])]


def test_the_picture_of_the_groups(tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    lines = shown(written(root, tmp_path / "groups.svg", "groups", "--svg"))
    devices = [each for each in lines if re.match(r"0000:\w\w:\w\w\.\d", each)]
    there = vdesk("--root", root, "groups", "--json").envelope["data"]["groups"]
    assert sorted(each[:12] for each in devices) == sorted(one["address"] for each in there for one in each["devices"])
    place = lines.index("group 1: can be handed over")
    assert [each[:12] for each in lines[place + 1 : place + 7 : 2]] == ["0000:00:01.0", "0000:01:00.0", "0000:01:00.1"]
    assert lines[place + 4].startswith("GPU: VGA compatible controller, ")


def test_where_the_monitor_is(tmp_path: Path) -> None:
    """The card that the desktop is on, with its output, also without a group of its own."""
    root = build("article-booted", tmp_path / "machine")
    text = written(root, tmp_path / "page.html")
    drawn = text[text.index("<svg") : text.index("</svg>") + 6]
    lines = shown(drawn)
    assert "HDMI-A-1" in lines and any("the desktop is on it" in each for each in lines)


def test_only_some_groups(tmp_path: Path) -> None:
    root = build("article-booted", tmp_path / "machine")
    lines = shown(written(root, tmp_path / "groups.svg", "groups", "--gpu", "--svg"))
    assert [each[:12] for each in lines if each.startswith("0000:")] == ["0000:00:01.0", "0000:01:00.0", "0000:01:00.1"]


def test_a_tree_that_no_machine_has(tmp_path: Path) -> None:
    """Bridges below bridges below bridges: drawn without an end to the stack."""
    root = build("article-booted", tmp_path / "machine")
    place = root / "sys/devices/pci0000:00"
    for number in range(120):
        place = place / f"0000:{number + 16:02x}:00.0"
        place.mkdir()
        for name, text in {"vendor": "0x8086", "device": "0x1901", "class": "0x060400"}.items():
            (place / name).write_text(f"{text}\n")
        link = root / "sys/bus/pci/devices" / place.name
        link.symlink_to(Path("../../../..") / place.relative_to(root))
    lines = shown(written(root, tmp_path / "groups.svg", "groups", "--svg"))
    assert lines and vdesk("--root", root, "report", "-o", tmp_path / "page.html").code == 0


def test_groups_that_cannot_be_read(tmp_path: Path) -> None:
    """The page says so, and all else; a picture of them there is none."""
    root = build("article-booted", tmp_path / "machine")
    places = [f"sys/bus/pci/devices/{each.name}/iommu_group" for each in (root / "sys/bus/pci/devices").iterdir()]
    unreadable = {"unreadable": ["sys/kernel/iommu_groups", *places]}
    (root / "run/vdesk/machine.json").write_text(json.dumps(unreadable))
    _, words = read(written(root, tmp_path / "page.html"))
    assert "it could not be read" in words and "What the kernel said" in words
    assert vdesk("--root", root, "groups", "--svg", tmp_path / "groups.svg").code == 3
    assert not (tmp_path / "groups.svg").exists()


# --- virtual machines, which a captured machine does not have


def core(number: int, vcpus: dict[str, list[int]], others: list[str], fast: bool = True) -> dict[str, Any]:
    cpus = [number, number + 4]
    return {"cpus": cpus, "package": 0, "cache": 0, "node": 0, "fast": fast, "vcpus": vcpus, "others": others}


def facts(**more: Any) -> dict[str, Any]:
    """What `collect` would say of a machine without anything."""
    about = {"system": "", "kernel": "", "processor": "", "memory": None, "board": "", "firmware": "", "vdesk": "1"}
    nothing: dict[str, Any] = {
        "about": {**about, "made": "2026-11-27"}, "ready": True, "iommu": "on", "findings": [], "tree": [],
        "groups": [], "cards": [], "cmdline": "", "log": {"lines": [], "more": 0, "why": ""}, "bound": {}, "hook": {},
        "history": [], "machines": {"rows": [], "why": "", "cpus": {"pinned": False, "cores": []}},
    }  # fmt: skip
    return {**nothing, **more}


def test_machines_with_their_cores_and_troubles() -> None:
    cores = [core(0, {}, ["host", "emulator"]), core(1, {"1": [0], "5": [1]}, []), core(2, {}, ["io"], fast=False)]
    trouble = {
        "id": "doctor.reset", "level": "fail", "title": "the card did not come back", "cause": "it has no reset",
        "remedy": "turn the computer off", "evidence": "the log",
    }  # fmt: skip
    device = {"address": "0000:01:00.0", "name": "GTX <b>", "driver": "vfio-pci", "machine": "hoth"}
    row = {
        "name": "hoth", "state": "running", "devices": [device], "findings": [trouble],
        "cpu_map": {"pinned": True, "cores": cores},
    }  # fmt: skip
    machines = {"rows": [row], "why": "", "cpus": {"pinned": False, "cores": cores}}
    _, words = read(page(facts(machines=machines)))
    said = ("hoth: ", "GTX <b>: ", "the virtual machine hoth has it", "the card did not come back")
    for text in (*said, "turn the computer off"):
        assert text in words, text
    assert "CPU 1,5, a fast core\nvCPU 0\nvCPU 1" in words and "CPU 0,4, a fast core\nthis machine\nQEMU" in words
    assert "CPU 2,6, a slow core\ndisks" in words


def test_what_vdesk_did_and_what_cannot_be_read() -> None:
    bound = {
        "devices": [{"address": "0000:01:00.0"}],
        "trial": {"state": "off", "reason": "no graphics card is left to the host"},
    }
    hook = {"installed": True, "others": [{"path": "/etc/libvirt/hooks/qemu"}]}
    history = [{"id": 3, "command": "vdesk bind 01:00.0", "state": "in force"}]
    log = {"lines": ["vfio x"], "more": 7, "why": ""}
    _, words = read(page(facts(bound=bound, hook=hook, history=history, log=log, ready=False, iommu="unknown")))
    for text in (
        "0000:01:00.0 is bound at boot", "no graphics card is left to the host", "the libvirt hook is installed",
        "another hook: /etc/libvirt/hooks/qemu", "vdesk bind 01:00.0", "in force", "and 7 lines more",
        "the cores of this machine could not be read", "something that could not be told",
    ):  # fmt: skip
        assert text in words, text
    _, words = read(page(facts(log={"lines": [], "more": 0, "why": "dmesg: not permitted"})))
    assert "dmesg: not permitted" in words
    assert "no IOMMU group" not in svg({"tree": [], "groups": [], "cards": [], "wanted": frozenset()})


# --- where it goes


@pytest.mark.parametrize("line", [("report", "-o"), ("groups", "--svg")], ids=["report", "groups"])
def test_where_it_goes(line: tuple[str, str], tmp_path: Path) -> None:
    root, file = build("article-booted", tmp_path / "machine"), tmp_path / "file"
    ran: Ran = vdesk("--root", root, *line, file, "--dry-run")
    assert ran.code == 0 and str(file) in ran.out and not file.exists()
    file.write_text("mine")
    ran = vdesk("--root", root, *line, file, "--json")
    assert (ran.code, ran.errors) == (2, ["usage.file-exists"]) and file.read_text() == "mine"
    for more in ((), ("--dry-run",)):
        ran = vdesk("--root", root, *line, tmp_path / "nowhere/file", "--json", *more)
        assert ran.code == 2 and ran.errors == ["usage.no-file"]
        assert ran.envelope["errors"][0]["remedy"] == f"make it with: mkdir -p {tmp_path}/nowhere"
    assert vdesk("--root", root, *line, tmp_path, "--json").code == 2
