"""The demo machine in the package is the builder's, and comes out of its one file as the same tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.builder import build
from tests.machines.make_demo import MANIFEST, manifest
from tests.trees import difference, snapshot
from vdesk.machines import CONFIGURATION, reboot, unpack


def test_manifest_is_up_to_date() -> None:
    assert MANIFEST.read_text(encoding="utf-8") == manifest(), "run: python -m tests.machines.make_demo"
    assert MANIFEST.stat().st_size < 150_000


@pytest.mark.parametrize(("name", "machine"), [("demo", "article-booted"), ("demo-before", "article")])
def test_unpacked_is_what_was_built(name: str, machine: str, memory: Path) -> None:
    (memory / "unpacked").mkdir()
    unpack(name, str(memory / "unpacked"))
    built = build(machine, memory / "built")
    assert not difference(snapshot(built), snapshot(memory / "unpacked"))


def test_reboot_keeps_the_configuration(memory: Path) -> None:
    """What a person or vdesk wrote stays; everything else is as after a boot with the argument."""
    (memory / "machine").mkdir()
    unpack("demo-before", str(memory / "machine"))
    configuration = memory / "machine" / CONFIGURATION
    configuration.write_text("# edited\n")
    reboot(str(memory / "machine"))
    assert configuration.read_text() == "# edited\n"
    apart = difference(snapshot(build("article-booted", memory / "built")), snapshot(memory / "machine"))
    assert (apart.added, apart.removed, apart.changed) == ([], [], [CONFIGURATION])


def test_links_do_not_lead_out_of_the_folder(memory: Path) -> None:
    """A link that stands where a file is to be written is replaced or refused, never followed."""
    (memory / "machine/etc/default").mkdir(parents=True)
    outside = memory / "outside"
    outside.write_text("kept\n")
    (memory / "machine" / CONFIGURATION).symlink_to(outside)
    with pytest.raises(Exception, match="ELOOP"):
        unpack("demo", str(memory / "machine"))
    assert outside.read_text() == "kept\n"
