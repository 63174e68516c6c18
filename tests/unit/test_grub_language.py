"""GRUB's menu stays in its language: its titles are translated when grub.cfg is made, and one may be GRUB_DEFAULT."""

from __future__ import annotations

import pathlib

import pytest

from tests.unit.test_grub_changes import CFG, UPDATE_GRUB, Machine
from vdesk.boot.grub_cfg import language
from vdesk.model.errors import OK

# As /etc/grub.d/00_header does it; the last line tells in what environment it was run.
HEADER = """{
lang=`echo $LANG | cut -d . -f 1`
if [ "x$LANG" != xC ] && [ "x$LANG" != x ]; then printf '  set locale_dir=$prefix/locale\\n  set lang=%s\\n' "$lang"; fi
echo "# ${LC_ALL-none} ${LANG-none} ${LANGUAGE-none}"
} >> "$out.new\""""
LOCALE, CONF = "etc/default/locale", "etc/locale.conf"


@pytest.fixture
def machine(tmp_path: pathlib.Path) -> Machine:
    found = Machine(tmp_path)
    found.program("update-grub", UPDATE_GRUB.replace("THEN", HEADER))
    return found


def made(machine: Machine, was: str, files: dict[str, str]) -> str:
    """The environment in which grub.cfg is made where it `was` in a language, and the system has these files."""
    (machine.root / CFG).chmod(0o600)
    with (machine.root / CFG).open("a") as file:
        file.write(was)
    for path, text in files.items():
        (machine.root / path).parent.mkdir(parents=True, exist_ok=True)
        (machine.root / path).write_text(text)
    assert machine.enable().exit_code == OK
    return machine.text(CFG).splitlines()[-1].removeprefix("# ")


@pytest.mark.parametrize(
    ("was", "files", "environment"),
    [
        ("", {LOCALE: "LANG=es_ES.UTF-8\n"}, "C.UTF-8 none none"),  # made without: it stays without
        ("  set lang=C\n", {}, "none C.UTF-8 none"),
        ("  set lang=es_ES\n", {}, "none es_ES.UTF-8 none"),
        ("  set lang=de_DE\n", {LOCALE: 'LANG="de_DE.ISO-8859-15"\nLANGUAGE=de\n'}, "none de_DE.ISO-8859-15 de"),
        ("  set lang=de_AT\n", {LOCALE: "# LANG=de_AT.UTF-8\nLANG='de_DE.UTF-8'\n"}, "none de_AT.UTF-8 none"),
        ("  set lang=ca_ES@valencia\n", {CONF: "LANG=ca_ES@valencia\n"}, "none ca_ES@valencia none"),
        ("  set lang=`id`\n", {LOCALE: "LANG=$(id)\n"}, "C.UTF-8 none none"),
        ("  set lang=es ES\n", {}, "C.UTF-8 none none"),
    ],
)
def test_the_menu_stays_in_its_language(machine: Machine, was: str, files: dict[str, str], environment: str) -> None:
    assert made(machine, was, files) == environment
    assert language(machine.text(CFG)) == language(was)
    assert machine.disable().exit_code == OK  # makes it anew
    assert language(machine.text(CFG)) == language(was)


def test_made_for_the_first_time_it_is_in_the_systems(machine: Machine) -> None:
    (machine.root / LOCALE).write_text("LANG=es_ES.UTF-8\nLANGUAGE=es\n")
    (machine.root / CFG).unlink()
    assert machine.enable().exit_code == OK
    assert machine.text(CFG).splitlines()[-1] == "# none es_ES.UTF-8 es"
