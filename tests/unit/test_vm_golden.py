"""The definitions that `vdesk create` writes: kept, looked at, and taken by libvirt's schema and its real QEMU driver.

`pytest tests/unit/test_vm_golden.py --regenerate` writes them anew; the diff is the review."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from tests.commands.running import on
from tests.libvirt_embed import Embedded
from tests.short import short_folder
from tests.trees import difference, snapshot
from tests.unit.vm_cases import CASES, Case, in_memory, lay_out
from vdesk.cli.vm import create

GOLDEN = Path(__file__).resolve().parents[1] / "golden/vm"
SINCE = {"narrow-iommu": 9_003_000}  # the libvirt that first knew it, where Debian 12 has an older one
# What decides how a command runs, not what the machine is; tests of the command line use these.
ELSEWHERE = {"--start", "--print-xml", "--connect"}


def words(case: Case) -> list[str]:
    """Return the command line of a case."""
    return ["create", "hoth", "--iso", case.iso, *shlex.split(case.options), "--print-xml"]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    yield from in_memory()


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    case = CASES[name]
    ran = on(lay_out(case, folder), *words(case))
    assert ran.code == 0, ran.err
    kept = GOLDEN / f"{name}.xml"
    if request.config.getoption("--regenerate"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(ran.out, encoding="utf-8")
    assert kept.read_text(encoding="utf-8") == ran.out


def test_printing_changes_nothing(folder: Path) -> None:
    """The same call prints the same definition, and leaves the machine and its journal alone."""
    root = lay_out(CASES["everything"], folder)
    before = snapshot(root)
    first, second = (on(root, *words(CASES["everything"])) for _ in range(2))
    assert (first.out, bool(difference(before, snapshot(root)))) == (second.out, False)


def test_libvirt_takes_them() -> None:
    """The schema and the driver, in one run; and the judge judges: what only one of them refuses is heard of."""
    known = [path for path in sorted(GOLDEN.iterdir()) if libvirt.getVersion() >= SINCE.get(path.stem, 0)]
    found = {path.stem: path.read_text(encoding="utf-8") for path in known}
    found["bad-for-the-driver"] = found["defaults"].replace('cache="none"', 'cache="writeback"')
    found["bad-for-the-schema"] = found["defaults"].replace("<acpi />", "<acpi /><nonsense />")
    with short_folder() as folder:
        refused, said = Embedded(folder).refused(found)
    assert refused == ["bad-for-the-driver", "bad-for-the-schema"], said


def test_no_golden_definition_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)


def test_every_option_is_used() -> None:
    """A completeness test: an option of create that no case uses is an option that nobody has seen working."""
    used = {word for case in CASES.values() for word in shlex.split(case.options) if word.startswith("--")}
    options = {name for parameter in create.params for name in (*parameter.opts, *parameter.secondary_opts)}
    shared = {"--root", "--json", "--dry-run", "--yes", "--verbose", "--no-color", "--iso"}
    assert {name for name in options if name.startswith("--")} - shared - ELSEWHERE - used == set()
