"""A journal whose lines are not what vdesk wrote: shown, taken back as far as it can be read, and said."""

from __future__ import annotations

import pathlib

import pytest

from vdesk.changes import journal as log
from vdesk.changes import undoing
from vdesk.changes.executor import Mode, run
from vdesk.changes.files import WriteFile
from vdesk.changes.journal import Journal
from vdesk.changes.plan import Plan
from vdesk.host import Host, captured

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
