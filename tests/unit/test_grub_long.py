"""A line of arguments that is longer than the kernel reads: exit 0 means that the argument is in effect."""

from __future__ import annotations

import pathlib

import pytest

from tests.trees import difference, snapshot
from tests.unit.grub_judge import MAIN, write
from vdesk.boot import grub_cfg
from vdesk.changes import executor
from vdesk.changes.executor import Mode
from vdesk.host.host import captured
from vdesk.model.errors import Refused
from vdesk.plans import iommu

D, L = "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"
LONG = " ".join(f"a{number}=b" for number in range(400))

REFUSED = [
    (f'{D}="{LONG}"\n', {}),
    (f'{D}="{LONG} intel_iommu=on"\n', {}),
    (f'{L}="{LONG}"\n{D}="quiet"\n', {}),
    (f'{D}="{LONG}"\n', {"50.cfg": f'{D}="${D} more"\n'}),
]


@pytest.mark.parametrize(("text", "extra"), REFUSED)
def test_refused_and_nothing_changed(tmp_path: pathlib.Path, text: str, extra: dict[str, str]) -> None:
    write(tmp_path, text, extra)
    start = snapshot(tmp_path)
    with pytest.raises(Refused) as caught:
        iommu.enable(captured(str(tmp_path)), igfx_off=False, pt=False)
    assert [each.id for each in caught.value.problems] == ["grub.too-long"]
    assert not difference(start, snapshot(tmp_path))


def test_a_long_line_with_the_argument_in_front(tmp_path: pathlib.Path) -> None:
    """What the kernel reads counts, not the length of the whole line."""
    write(tmp_path, f'{D}="intel_iommu=off {LONG}"\n')
    host = captured(str(tmp_path))
    assert executor.run(iommu.enable(host, igfx_off=False, pt=False), host, Mode(yes=True)).exit_code == 0
    assert (tmp_path / MAIN).read_text() == f'{D}="intel_iommu=on {LONG}"\n'


@pytest.mark.parametrize(("length", "seen"), [(2000, True), (2030, False)])
def test_a_grub_cfg_that_is_cut_off(length: int, seen: bool) -> None:
    """The kernel gets BOOT_IMAGE=/vmlinuz, a blank, the arguments, and 2047 bytes of all that."""
    (found,) = grub_cfg.effects(f"\tlinux\t/vmlinuz {'x' * length} intel_iommu=on\n")
    assert (found.intel is True) is seen
