"""The Debian package: its words are the project's, its scripts are sound, and what it holds is what is there."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

import vdesk
from tests.completions import FILES, FOLDER
from tests.test_linters import TOP, lint, tracked
from tests.test_package import PROJECT

DEBIAN = TOP / "packaging/debian"
SCRIPTS = ("prerm", "postrm")
# Where each shell looks by itself, below /usr/share.
PLACES = {
    "bash": "bash-completion/completions/vdesk",
    "zsh": "zsh/vendor-completions/_vdesk",
    "fish": "fish/vendor_completions.d/vdesk.fish",
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
    from vdesk.changes.journal import HOME
    from vdesk.libvirt_hook.machine import LOG
    from vdesk.plans.hook_status import PATH

    prerm, postrm = ((DEBIAN / name).read_text(encoding="utf-8") for name in SCRIPTS)
    assert f"hook=/{PATH}\n" in prerm and f"devices=/{LIST}\n" in prerm
    folders = {f"/{HOME}", f"/{LIST.rpartition('/')[0]}", f"/{LOG.rpartition('/')[0]}"}
    assert folders <= set(postrm.split())


@pytest.mark.timeout(300)
def test_built(tmp_path: Path) -> None:
    """Every file of vdesk is in it, where Debian's Python looks; completions are where the shells look."""
    package = built()
    assert package.name.startswith(f"vdesk_{vdesk.__version__}-") and package.name.endswith("_all.deb")
    subprocess.run(["dpkg-deb", "--raw-extract", package, tmp_path / "out"], check=True)
    modules = tmp_path / "out/usr/lib/python3/dist-packages"
    held = {str(path.relative_to(modules)) for path in (modules / "vdesk").rglob("*") if path.is_file()}
    assert held == set(tracked("vdesk"))
    for shell, place in PLACES.items():
        assert (tmp_path / "out/usr/share" / place).read_bytes() == (FOLDER / {"bash": "vdesk.bash", **FILES}[shell]).read_bytes()
    script = tmp_path / "out/usr/bin/vdesk"
    assert script.read_text(encoding="utf-8").startswith("#! /usr/bin/python3 -I\n") and os.access(script, os.X_OK)
    said = fields((tmp_path / "out/DEBIAN/control").read_text(encoding="utf-8"))
    assert said["Architecture"] == "all" and "python3:any" in said["Depends"]
