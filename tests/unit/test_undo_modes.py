"""Undo gives a file's bytes back, and leaves the mode that somebody gave it since."""

from __future__ import annotations

import pathlib

import pytest

from tests.trees import difference, snapshot
from tests.unit.grub_judge import MAIN
from tests.unit.test_grub_changes import CFG, OURS, YES, Machine
from vdesk.changes import executor, undoing
from vdesk.changes.files import WriteFile
from vdesk.changes.plan import Plan
from vdesk.host import Host, captured
from vdesk.model.errors import OK


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/thing").write_text("A=1\n")
    (tmp_path / "etc/default/thing").chmod(0o640)
    return captured(str(tmp_path))


@pytest.mark.parametrize("given", [None, 0o755])
def test_undo_keeps_a_mode_that_a_person_gave_since(given: int | None, host: Host) -> None:
    """The bytes are vdesk's to give back, the mode is theirs; where nobody changed it, the one before comes back."""
    before = snapshot(host.root)
    place = pathlib.Path(host.root, "etc/default/thing")
    was = place.stat().st_mode & 0o777
    for chmod in (0o600, None):
        executor.run(Plan("x", "x", [WriteFile("etc/default/thing", b"A=1\n", b"A=2\n", "to 2", given)]), host, YES)
        assert place.stat().st_mode & 0o777 == (given or was)
        if chmod:
            place.chmod(chmod)
        assert undoing.undo(host, None, False, YES).exit_code == 0
        assert (place.read_text(), place.stat().st_mode & 0o777) == ("A=1\n", chmod or was)
        place.chmod(was)
    assert not difference(before, snapshot(host.root), OURS)


def test_of_grubs_files(tmp_path: pathlib.Path) -> None:
    machine = Machine(tmp_path)
    machine.enable()
    for path in (MAIN, CFG):
        (machine.root / path).chmod(0o600)
    assert undoing.undo(machine.host, None, False, YES).exit_code == OK
    assert [(machine.root / path).stat().st_mode & 0o777 for path in (MAIN, CFG)] == [0o600, 0o600]
    assert "intel_iommu" not in machine.text(MAIN) + machine.text(CFG)
