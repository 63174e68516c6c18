"""The journal: modes, torn lines, hostile records."""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Callable

import pytest

from vdesk.changes import journal as log
from vdesk.changes import undoing
from vdesk.changes.executor import Mode, run
from vdesk.changes.files import WriteFile
from vdesk.changes.journal import Journal
from vdesk.changes.plan import Plan
from vdesk.host import Host, captured
from vdesk.render import Output, emit

YES = Mode(yes=True)


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    (tmp_path / "etc").mkdir()
    return captured(str(tmp_path))


def test_only_root_may_look_in(host: Host) -> None:
    entry = Journal(host).begin("x", {}, "0")
    assert host.stat(log.FOLDER).mode == 0o700
    assert host.stat(f"{log.FOLDER}/{entry.id:06d}.jsonl").mode == 0o600


def test_a_torn_last_line_counts_as_not_written_and_the_next_is_whole(host: Host) -> None:
    journal = Journal(host)
    entry = journal.begin("x", {}, "0")
    step = journal.intend(entry, "command", "t", "s", {"argv": ["a"], "undo": None, "timeout": 1})
    path = f"{log.FOLDER}/{entry.id:06d}.jsonl"
    whole = host.read_bytes(path)
    host.write(path, whole + b'{"seq":0,"sta')
    assert journal.entries()[0].steps[0].state == log.INTENT
    journal.mark(entry, step, log.DONE)
    assert journal.entries()[0].steps[0].state == log.DONE


def test_cut_at_every_byte_it_never_fails_to_load(host: Host) -> None:
    journal = Journal(host)
    entry = journal.begin("x", {"a": 1}, "0")
    step = journal.intend(entry, "command", "t", "s", {"argv": ["a"], "undo": None, "timeout": 1})
    journal.mark(entry, step, log.DONE)
    journal.close(entry)
    path = f"{log.FOLDER}/{entry.id:06d}.jsonl"
    whole = host.read_bytes(path)
    states = []
    for size in range(len(whole) + 1):
        host.write(path, whole[:size])
        states.append([each.state for each in journal.entries()])
    assert states[0] == [] and states[-1] == [log.IN_FORCE]


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"path": "../../etc/passwd", "after": "x", "folders": [], "before": None},
        {"path": "/etc/passwd", "after": "x", "folders": [], "before": None},
        {"path": "etc/x", "after": "x", "folders": 3, "before": {"data": "?"}},
        {"path": 7, "after": "x", "folders": [], "before": None},
    ],
)
def test_a_record_that_makes_no_sense_is_left_over_not_a_crash(host: Host, record: dict[str, object]) -> None:
    journal = Journal(host)
    entry = journal.begin("x", {}, "0")
    step = journal.intend(entry, "file", "t", "s", record)
    journal.mark(entry, step, log.DONE)
    journal.close(entry)
    report = undoing.undo(host, None, True, YES)
    assert report.exit_code == 5 and report.errors[0].id in ("journal.damaged", "undo.changed-since"), report.errors


def test_a_kind_of_another_version_is_said(host: Host) -> None:
    journal = Journal(host)
    entry = journal.begin("x", {}, "9.9")
    journal.mark(entry, journal.intend(entry, "teleport", "t", "s", {}), log.DONE)
    report = undoing.undo(host, None, True, YES)
    assert report.exit_code == 5 and report.errors[0].id == "journal.kind"


def test_files_that_are_no_entries(host: Host) -> None:
    """One of another name is left alone; one that is named like an entry may have been one."""
    journal = Journal(host)
    journal.begin("x", {}, "0")
    host.write(f"{log.FOLDER}/000002.jsonl", b"\xff\xfe garbage")
    host.write(f"{log.FOLDER}/notes.txt", b"mine")
    host.write(f"{log.FOLDER}/000003.jsonl", json.dumps([1, 2]).encode())
    assert [(each.id, each.damaged) for each in journal.entries()] == [(1, False), (2, True), (3, True)]
    assert journal.begin("y", {}, "0").id == 4


def test_what_a_captured_machine_skipped_was_not_taken_back(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it is in force: undo goes past it, and history does not say that somebody undid it."""
    journal = Journal(host)
    plan = Plan("done", "x", [WriteFile("etc/x", None, b"x\n", "write x")])
    assert run(plan, host, YES).exit_code == 0
    entry = journal.begin("create", {}, "0")
    for name in "ab":
        journal.mark(entry, journal.intend(entry, "disk", name, "s", {}), log.SKIPPED)
    journal.close(entry)
    history = undoing.history(host)
    assert [each["state"] for each in history.data["entries"]] == ["done", "skipped"]
    emit(history, Output(False, True, False, ""))
    out = capsys.readouterr().out
    assert "taken back" not in out and "a captured machine does nothing of it" in out
    assert undoing.undo(host, None, False, YES).data == {"entries": [1]}
    assert not host.exists("etc/x")


def flushes(call: Callable[[], object]) -> int:
    """How often a call waits for the disk."""
    seen: list[object] = []

    def look(_frame: object, event: str, function: object) -> None:
        if event == "c_call" and function is os.fsync:
            seen.append(function)

    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
    return len(seen)


def test_an_intent_is_on_disk_before_the_change_and_what_is_done_with_the_next_line(host: Host) -> None:
    journal = Journal(host)
    entry = journal.begin("bind", {}, "0.1.0")
    step = journal.intend(entry, "file", "etc/x", "write x", {})
    assert flushes(lambda: journal.mark(entry, step, log.DONE)) == 0
    assert flushes(lambda: journal.intend(entry, "file", "etc/y", "write y", {})) == 1
    assert flushes(lambda: journal.close(entry)) == 1
    assert flushes(lambda: journal.reopen(entry)) == 1
    for state in (log.UNDONE, log.FAILED, log.SKIPPED):
        assert flushes(lambda: journal.mark(entry, step, state)) == 1, state  # noqa: B023


def test_a_new_file_is_in_its_folder_after_a_power_cut(host: Host) -> None:
    assert flushes(lambda: host.append("etc/new", b"line\n")) == 2, "the file, and the folder that names it"
    assert flushes(lambda: host.append("etc/new", b"line\n")) == 1


def test_what_was_interrupted_is_told_at_every_byte_and_an_ended_history_is_not_taken_apart(host: Host) -> None:
    journal = Journal(host)
    first = journal.begin("x", {}, "0")
    step = journal.intend(first, "command", "t", "s", {"argv": ["a"], "undo": None, "timeout": 1})
    journal.mark(first, step, log.DONE)
    journal.close(first)
    second = journal.begin("y", {"closed": True, "settles": [[1, 0]]}, "0")
    journal.intend(second, "command", "t", "s", {"argv": ["a"], "undo": None, "timeout": 1})
    journal.close(second, [(first.id, 0), (first.id, 7)])
    journal.reopen(second)
    journal.close(second)
    path = f"{log.FOLDER}/{second.id:06d}.jsonl"
    whole, told = host.read_bytes(path), []
    for size in range(len(whole) + 1):
        host.write(path, whole[:size])
        told.append([each.id for each in journal.interrupted()])
        assert told[-1] == [each.id for each in journal.entries() if each.state == log.OPEN], whole[:size]
    assert told[-1] == [] and [second.id] in told

    journal.entries = lambda: pytest.fail("the history was taken apart")  # type: ignore[method-assign]
    assert journal.interrupted() == []


@pytest.mark.parametrize("line", [b'{"closed":true,"settles":[[1,0]]', b'{"closed":true', b'{"closed":false}', b"]]}"])
def test_a_line_that_is_no_end_is_none(host: Host, line: bytes) -> None:
    journal = Journal(host)
    entry = journal.begin("x", {}, "0")
    journal.intend(entry, "command", "t", "s", {"argv": ["a"], "undo": None, "timeout": 1})
    host.append(f"{log.FOLDER}/{entry.id:06d}.jsonl", line + b"\n")
    assert [each.id for each in journal.interrupted()] == [entry.id]
