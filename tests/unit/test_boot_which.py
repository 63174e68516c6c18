"""Which builder is in use where the programs of two are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.running import on
from tests.unit.test_boot_binding import CARD, TOOLS, program, with_builder


@pytest.mark.parametrize(
    ("text", "wins"),
    [
        (None, "dracut"),
        ('#!/bin/sh\n# dracut in the place of initramfs-tools\nexec dracut --force "$@"\n', "dracut"),
        ('#!/bin/sh\nmkinitramfs ${OPTS} -o "${initramfs}.new" "${version}"\n', "initramfs-tools"),
        ("", "initramfs-tools"),
    ],
    ids=["gone", "dracut's", "initramfs-tools'", "captured without its text"],
)
def test_which_of_two_builders(memory: Path, text: str | None, wins: str) -> None:
    """Debian's dracut leaves mkinitramfs behind; dracut-core alone leaves initramfs-tools in use."""
    root = with_builder(memory / "root", "mkinitramfs", "dracut")
    if text is not None:
        program(root, "update-initramfs")
        (root / "usr/sbin/update-initramfs").write_text(text)
    assert on(root, "bind", CARD, "--boot", "--yes").code == 0
    module = (root / "usr/lib/dracut/modules.d/90vdesk/module-setup.sh").exists()
    assert (module, (root / TOOLS / "hooks/vdesk").exists()) == (wins == "dracut", wins != "dracut")
