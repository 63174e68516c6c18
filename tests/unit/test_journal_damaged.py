"""A journal whose lines are not what vdesk wrote: shown, taken back as far as it can be read, and said."""

from __future__ import annotations

import pathlib

import pytest

from tests.unit.grub_judge import MAIN, write
from vdesk.changes import journal as log
from vdesk.changes import undoing
from vdesk.changes.executor import Mode, run
from vdesk.changes.files import WriteFile
from vdesk.changes.journal import Journal
from vdesk.changes.plan import Plan
from vdesk.host import Host, captured
from vdesk.model.errors import Refused
from vdesk.plans import iommu

YES, DRY = Mode(yes=True), Mode(dry_run=True)
FIRST = f"{log.FOLDER}/000001.jsonl"


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    """Two entries: the first makes etc/a and etc/b, the second etc/c."""
    (tmp_path / "etc").mkdir()
    for names in ("ab", "c"):
        host = captured(str(tmp_path))
        changes = [WriteFile(f"etc/{name}", None, b"x\n", f"write {name}") for name in names]
        assert run(Plan("x", "x", list(changes)), host, YES).exit_code == 0
    return captured(str(tmp_path))


def spoil(host: Host, line: int) -> None:
    """Put `xx` in the place of a line of the first entry."""
    lines = host.read_bytes(FIRST).split(b"\n")
    lines[line] = b"xx"
    host.write(FIRST, b"\n".join(lines))


def there(host: Host) -> str:
    """The files that there are."""
    return "".join(name for name in "abc" if host.exists(f"etc/{name}"))


def states(host: Host) -> list[str]:
    return [each["state"] for each in undoing.history(host).data["entries"]]


def test_without_its_first_line(host: Host) -> None:
    """What can be read is taken back, and each undo says that this is not known to be all."""
    spoil(host, 0)
    assert states(host) == ["damaged", "done"]
    dry = undoing.undo(host, None, True, DRY)
    assert (dry.exit_code, [each.id for each in dry.errors], len(dry.changes)) == (5, ["journal.damaged"], 3)
    for _ in range(2):
        back = undoing.undo(host, None, True, YES)
        assert (back.exit_code, [each.id for each in back.errors], there(host)) == (5, ["journal.damaged"], "")
        assert f"/{FIRST}" in back.errors[0].remedy
    assert states(host) == ["damaged", "undone"]


@pytest.mark.parametrize(("line", "left"), [(1, "a"), (3, "b")])
def test_without_an_intent(line: int, left: str, host: Host) -> None:
    """The others keep their numbers: the change that is lost stays, and no other is taken for it."""
    spoil(host, line)
    assert states(host) == ["damaged", "done"]
    changes = undoing.history(host).data["entries"][0]["changes"]
    assert [each["state"] for each in changes] == (["damaged", "done"] if line == 1 else ["done", "damaged"])
    back = undoing.undo(host, 1, False, YES)
    assert (back.exit_code, [each.id for each in back.errors], there(host)) == (5, ["journal.damaged"], left + "c")


def test_nothing_of_it_can_be_read(host: Host) -> None:
    host.write(FIRST, b"\x01\x02\nxx\n")
    whole = host.read_bytes(FIRST)
    assert states(host) == ["damaged", "done"]
    back = undoing.undo(host, None, True, YES)
    assert (back.exit_code, [each.id for each in back.errors], there(host)) == (5, ["journal.damaged"], "ab")
    for mode in (YES, DRY):
        alone = undoing.undo(host, None, True, mode)
        assert (alone.exit_code, [each.id for each in alone.errors], alone.notes) == (5, ["journal.damaged"], [])
    assert host.read_bytes(FIRST) == whole


HEAD = b'{"vdesk":1,"id":1,"time":"2026-01-01T00:00:00+00:00","command":"x \\u00e9'


@pytest.mark.parametrize("data", [b"", b"{", HEAD[:14], HEAD, HEAD + b"\0" * 600, b"\0" * 600])
def test_a_start_that_was_killed_is_none(data: bytes, host: Host) -> None:
    """Its first line is torn, so nothing was done."""
    host.write(FIRST, data)
    assert states(host) == ["done"]


@pytest.mark.parametrize(
    "data",
    [
        *(b"\xff\0garbage", b"garbage", b"\n", b"{}\n", b"xx\n", b"\0\0{", HEAD.replace(b'"id":1', b'"id":2')),
        *(HEAD + b"\xff", HEAD + b"\n", HEAD + b"\0x", b'{"seq":0,"state":"done"}'),
    ],
)
def test_anything_else_is_damaged(data: bytes, host: Host) -> None:
    """It was written, and nobody knows any more what: that is not nothing."""
    host.write(FIRST, data)
    assert states(host) == ["damaged", "done"]
    back = undoing.undo(host, 1, False, YES)
    assert (back.exit_code, [each.id for each in back.errors]) == (5, ["journal.damaged"])


def test_where_it_is_lost_what_was_done_and_not_what_was_begun(host: Host) -> None:
    """An intent is enough to take a change back: the entry is no other than before."""
    spoil(host, 2)
    assert states(host) == ["done", "done"]
    assert (undoing.undo(host, None, True, YES).exit_code, there(host)) == (0, "")


def test_an_unknown_command_may_be_what_is_kept(host: Host) -> None:
    spoil(host, 0)
    assert undoing.undo(host, None, True, YES, ["iommu"]).exit_code == 0
    assert there(host) == "ab"
    assert undoing.undo(host, None, True, YES, ["vms"]).exit_code == 5
    assert there(host) == ""


def test_a_number_that_makes_no_sense_takes_no_memory(host: Host) -> None:
    host.append(FIRST, b'{"seq":1000000000,"state":"done"}\n')
    (damaged, _) = Journal(host).entries()
    assert (damaged.state, len(damaged.steps)) == ("damaged", 2)
    assert Journal(host).interrupted() == []


# --- iommu disable


@pytest.fixture
def enabled(tmp_path: pathlib.Path) -> Host:
    """A machine with vdesk's argument configured, its journal's only entry."""
    write(tmp_path / "root", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    host = captured(str(tmp_path / "root"))
    assert run(iommu.enable(host, igfx_off=False, pt=False), host, YES).exit_code == 0
    return host


@pytest.mark.parametrize("line", [None, 0, 1])
def test_disable_is_refused(line: int | None, enabled: Host) -> None:
    """Not known is not nothing; what undo could take back needs nothing more."""
    if line is None:
        enabled.write(FIRST, b"\xff\0garbage")
    else:
        spoil(enabled, line)
    with pytest.raises(Refused) as caught:
        iommu.disable(enabled, Journal(enabled).entries())
    (told,) = caught.value.problems
    assert told.id == "journal.damaged" and "entry 1" in told.what and f"/{FIRST}" in told.cause
    assert ("vdesk undo 1" in told.remedy) is (line == 0)
    if line == 0:
        undoing.undo(enabled, 1, False, YES)
        assert "intel_iommu" not in enabled.text(MAIN)
        assert iommu.disable(enabled, Journal(enabled).entries()).notes[0].startswith("Nothing to take out")


def test_disable_with_another_damaged_entry(enabled: Host) -> None:
    """It can be read what that one changed, and it is no file of GRUB's."""
    assert run(Plan("x", "x", [WriteFile("etc/x", None, b"x\n", "write x")]), enabled, YES).exit_code == 0
    other = FIRST.replace("1.", "2.")
    enabled.write(other, b"xx" + enabled.read_bytes(other))
    assert run(iommu.disable(enabled, Journal(enabled).entries()), enabled, YES).exit_code == 0
    assert "intel_iommu" not in enabled.text(MAIN)
