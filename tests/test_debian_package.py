"""The Debian package: its words are the project's, its scripts are sound, and what it holds is what is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

import vdesk
from tests.test_linters import TOP, lint, tracked
from tests.test_package import PROJECT

DEBIAN = TOP / "packaging/debian"
SCRIPTS = ("postinst", "prerm", "postrm")
# Where each shell looks by itself, below /usr/share.
PLACES = {
    "vdesk.bash": "bash-completion/completions/vdesk",
    "_vdesk": "zsh/vendor-completions/_vdesk",
    "vdesk.fish": "fish/vendor_completions.d/vdesk.fish",
}
# Python's names and Debian's: python3-NAME but for this one.
OTHERWISE = {"libvirt-python": "python3-libvirt"}


@cache
def built() -> Path:
    """Build the package as a person does; where it is then."""
    done = subprocess.run([TOP / "dev", "deb"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return TOP / done.stdout.split()[-1]


def fields(text: str) -> dict[str, str]:
    """A paragraph of a control file."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] not in (" ", "\t"):
            name, _, line = line.partition(":")
        found[name] = f"{found.get(name, '')}\n{line.strip()}".strip()
    return found


def relations(text: str) -> set[str]:
    """The packages of a field with their bounds, as `name (>= 1)`."""
    return {each.strip() for each in text.split(",") if each.strip() and "${" not in each}


@pytest.fixture(scope="module")
def control() -> tuple[dict[str, str], dict[str, str]]:
    """The paragraphs of the source and of the package."""
    source, package = (DEBIAN / "control").read_text(encoding="utf-8").strip().split("\n\n")
    return fields(source), fields(package)


def test_the_same_dependencies(control: tuple[dict[str, str], dict[str, str]]) -> None:
    wanted = set()
    for line in PROJECT["dependencies"]:
        name, bound = line.split(">=")
        wanted.add(f"{OTHERWISE.get(name, f'python3-{name}')} (>= {bound})")
    assert relations(control[1]["Depends"]) == wanted
    assert control[0]["X-Python3-Version"] == PROJECT["requires-python"].replace(">=", ">= ")


def test_what_a_build_needs_is_installed(control: tuple[dict[str, str], dict[str, str]]) -> None:
    """Virtual names by the package that provides them."""
    provided = {"debhelper-compat": "debhelper", "dh-sequence-python3": "dh-python"}
    needed = {each.split(" ")[0] for each in relations(control[0]["Build-Depends"])}
    lines = (TOP / "packaging/packages.txt").read_text(encoding="utf-8").splitlines()
    assert {provided.get(each, each) for each in needed} <= set(lines)


def test_the_same_version_and_licence() -> None:
    changelog = (DEBIAN / "changelog").read_text(encoding="utf-8")
    assert re.match(rf"vdesk \({re.escape(vdesk.__version__)}-\d+\) ", changelog)
    licence = (TOP / "LICENSE").read_text(encoding="utf-8").split("\n\n", 2)[2].split()
    copied = (DEBIAN / "copyright").read_text(encoding="utf-8").split("License: Expat")[-1]
    assert [word for word in copied.split() if word != "."] == licence


def test_maintainer_scripts() -> None:
    lint("shellcheck", "--shell=sh", *(f"packaging/debian/{name}" for name in SCRIPTS))
    for name in SCRIPTS:
        assert "#DEBHELPER#" in (DEBIAN / name).read_text(encoding="utf-8")


def test_they_know_where_vdesk_keeps_its_files() -> None:
    from vdesk.at_boot.listed import LIST
    from vdesk.changes.hook_guard import PATH
    from vdesk.changes.journal import HOME
    from vdesk.libvirt_hook.machine import LOG

    prerm, postrm = ((DEBIAN / name).read_text(encoding="utf-8") for name in ("prerm", "postrm"))
    assert f"hook=/{PATH}\n" in prerm and f"devices=/{LIST}\n" in prerm
    folders = {f"/{HOME}", f"/{LIST.rpartition('/')[0]}", f"/{LOG.rpartition('/')[0]}"}
    assert folders <= set(postrm.split())


def pages_are_whole(folder: Path) -> None:
    """The pages that are shipped name only what is beside them, and hold no marks of the site's."""
    for page in (folder / "README.md", folder / "README.es.md", *(folder / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        assert "<!--" not in text, page
        links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text)
        assert not [each for each in links if not (page.parent / each).exists() and "reference/" not in each], page
    assert "```\nvdesk demo --before check\n```" in (folder / "docs/tutorial.md").read_text(encoding="utf-8")


@pytest.mark.timeout(300)
def test_built(tmp_path: Path) -> None:
    """Every file of vdesk is in it, where Debian's Python looks; completions are where the shells look."""
    package = built()
    assert package.name.startswith(f"vdesk_{vdesk.__version__}-") and package.name.endswith("_all.deb")
    subprocess.run(["dpkg-deb", "--raw-extract", package, tmp_path / "out"], check=True)
    modules = tmp_path / "out/usr/lib/python3/dist-packages"
    held = {str(path.relative_to(modules)) for path in (modules / "vdesk").rglob("*") if path.is_file()}
    assert held == set(tracked("vdesk"))
    for name, place in PLACES.items():
        assert (tmp_path / "out/usr/share" / place).read_bytes() == (TOP / "completions" / name).read_bytes()
    assert sorted(PLACES) == sorted(path.name for path in (TOP / "completions").iterdir())
    script = tmp_path / "out/usr/bin/vdesk"
    assert script.read_text(encoding="utf-8").startswith("#! /usr/bin/python3 -I\n") and os.access(script, os.X_OK)
    pages_are_whole(tmp_path / "out/usr/share/doc/vdesk")
    said = fields((tmp_path / "out/DEBIAN/control").read_text(encoding="utf-8"))
    assert said["Architecture"] == "all" and "python3:any" in said["Depends"]


# --- the maintainer scripts, on a folder that stands for the machine


class Scripts:
    """The scripts with every path below a folder, and a vdesk that writes down what it was asked for."""

    def __init__(self, root: Path) -> None:
        self.root, self.asked = root, root / "asked"
        for folder in ("usr/bin", "var/lib/vdesk/journal", "etc/vdesk", "usr/lib/python3/dist-packages/vdesk"):
            (root / folder).mkdir(parents=True)
        (root / "etc/libvirt/hooks/qemu.d").mkdir(parents=True)
        self.vdesk()

    def vdesk(self, refuses: str = "nothing", there_is: str = "1") -> None:
        """The fake: fails where its words hold `refuses`; a dry run has `there_is` left."""
        text = f'#!/bin/sh\necho "$*" >> {self.asked}\ncase "$*" in *"{refuses}"*) exit 5;; *--json*) echo \'"entries": [{there_is}]\';; esac\n'  # noqa: E501
        (self.root / "usr/bin/vdesk").write_text(text)
        (self.root / "usr/bin/vdesk").chmod(0o755)

    def run(self, name: str, *words: str) -> tuple[list[str], str]:
        """What vdesk was asked for, and what the script said; it never fails."""
        absolute = r"(?<=[ =])/(?=(usr/bin/vdesk|usr/lib|var|etc|run)\b)"
        text = re.sub(absolute, f"{self.root}/", (DEBIAN / name).read_text(encoding="utf-8"))
        self.asked.write_text("")
        done = subprocess.run(["sh", "-c", text, name, *words], capture_output=True, text=True, check=True)
        return self.asked.read_text().splitlines(), done.stdout + done.stderr


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Return the scripts on a machine with the hook, a device bound at boot and a journal."""
    found = Scripts(tmp_path)
    (tmp_path / "etc/libvirt/hooks/qemu.d/50-vdesk").touch()
    rows = ("# list", "0000:01:00.0 1002:5046 1002:5046", "0000:01:00.1 8086:293e 1af4:1100")
    (tmp_path / "etc/vdesk/devices").write_text("\n".join(rows) + "\n")
    return found


@pytest.mark.parametrize("words", [("upgrade", "0.2.0-1"), ("deconfigure",), ("failed-upgrade", "0.1.0-1")])
def test_an_upgrade_changes_nothing(words: tuple[str, ...], scripts: Scripts) -> None:
    assert scripts.run("prerm", *words) == ([], "")


def test_nothing_was_ever_changed(scripts: Scripts) -> None:
    shutil.rmtree(scripts.root / "var")
    shutil.rmtree(scripts.root / "etc")
    assert scripts.run("prerm", "remove") == ([], "")
    assert scripts.run("postrm", "purge") == ([], "")


def test_a_removal(scripts: Scripts) -> None:
    asked, said = scripts.run("prerm", "remove")
    assert asked == [
        "hook remove --yes --no-color",
        "undo --all --keep vms --keep install --keep iommu --keep gpu --yes --no-color",
        "unbind --boot 0000:01:00.0 0000:01:00.1 --yes --no-color",
        "undo --all --keep vms --keep install --dry-run --json --no-color",
    ]
    assert "again" not in said and (scripts.root / "var/lib/vdesk/for-purge/vdesk").is_dir()
    scripts.run("postrm", "remove")
    assert (scripts.root / "var/lib/vdesk/journal").is_dir()
    scripts.run("postinst", "configure", "0.1.0-1")
    assert not (scripts.root / "var/lib/vdesk/for-purge").exists()


def test_nothing_is_copied_for_a_purge_that_has_nothing_to_do(scripts: Scripts) -> None:
    scripts.vdesk(there_is="")
    scripts.run("prerm", "remove")
    assert not (scripts.root / "var/lib/vdesk/for-purge").exists()
    scripts.run("postrm", "purge")
    assert not any((scripts.root / each).exists() for each in ("var/lib/vdesk", "etc/vdesk"))


@pytest.mark.parametrize("refuses", ["hook remove", "undo --all", "unbind --boot"])
def test_what_cannot_be_taken_back_is_told(refuses: str, scripts: Scripts) -> None:
    """It stops nothing, and the purge leaves what says how to take it back."""
    scripts.vdesk(refuses)
    asked, said = scripts.run("prerm", "remove")
    assert len(asked) == 3 and "install vdesk again" in said
    assert (" --keep hook " in asked[1]) is (refuses == "hook remove")
    assert ("the hook stays" in said) is (refuses == "hook remove")
    _, said = scripts.run("postrm", "purge")
    assert "install vdesk again" in said and (scripts.root / "var/lib/vdesk/journal").is_dir()


def test_a_vdesk_that_does_not_run(scripts: Scripts) -> None:
    (scripts.root / "usr/bin/vdesk").unlink()
    assert "install vdesk again" in scripts.run("prerm", "remove")[1]
