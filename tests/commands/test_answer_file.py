"""`vdesk answer-file`: the password is hidden, the file is its owner's alone and never one that was there."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest

from tests.commands.cases import ISO
from tests.commands.running import Machines, on
from tests.commands.test_terminal import terminal
from tests.trees import difference, snapshot

SECRET = "tr0ub4dor & <3>"
LINE = ("answer-file", "/root/answers.xml", "--user", "luke", "--os", "win10")


@pytest.fixture
def root(fresh: Machines) -> Path:
    """article-booted with a password in a file of its owner's."""
    found = fresh("article-booted")
    (found / "root").mkdir(exist_ok=True)
    secret = found / "root/secret"
    secret.write_text(f"{SECRET}\nnot this\n", encoding="utf-8")
    secret.chmod(0o600)
    return found


def test_the_file_is_written_and_create_takes_it(root: Path) -> None:
    before = snapshot(root)
    ran = on(root, *LINE, "--password-file", "/root/secret", "--json")
    assert (ran.code, ran.envelope["data"]["edition"]) == (0, "Windows 10 Pro")
    assert SECRET not in ran.out and [each["state"] for each in ran.envelope["changes"]] == ["done"]
    made = root / "root/answers.xml"
    changed = difference(before, snapshot(root))
    assert (changed.added, changed.removed, changed.changed) == (["root/answers.xml"], [], [])
    assert made.stat().st_mode & 0o7777 == 0o600
    assert "tr0ub4dor &amp; &lt;3&gt;" in made.read_text(encoding="utf-8")
    planned = on(root, "create", "hoth", "--iso", ISO, "--unattended", "/root/answers.xml", "--json", "-n")
    assert planned.code == 0 and "answers.xml" not in " ".join(planned.envelope["data"]["warnings"])
    assert SECRET not in planned.out and "tr0ub4dor" not in planned.out


def test_the_password_is_not_in_what_undo_shows(root: Path) -> None:
    """The disc is a file that vdesk made: taking it back shows that it goes, and not what it holds."""
    on(root, *LINE, "--password-file", "/root/secret", "-y")
    words = ("--unattended", "/root/answers.xml", "--disk", "4MiB", "--connect", "test:///default")
    made = on(root, "create", "sealed", "--iso", ISO, "--gpu", "none", "--os", "win10", *words, "-y", "--json")
    assert made.code == 0, made.out
    for more in ((), ("--json",), ("-v",)):
        shown = on(root, "undo", "-n", *more)
        assert "sealed-unattended.iso" in shown.out and "tr0ub4dor" not in shown.out + shown.err
    assert "Binary files" in on(root, "undo", "-n", "--json").out
    assert on(root, "undo", "-y").code == 0  # the test driver is one for the whole process


def test_nothing_is_written_over(root: Path) -> None:
    made = root / "root/answers.xml"
    made.write_text("mine", encoding="utf-8")
    ran = on(root, *LINE, "--password-file", "/root/secret", "-y", "--json")
    assert (ran.code, ran.errors, made.read_text(encoding="utf-8")) == (2, ["usage.file-exists"], "mine")
    made.unlink()
    made.symlink_to("elsewhere")
    ran = on(root, *LINE, "--password-file", "/root/secret", "-y", "--json")
    assert (ran.code, ran.errors) == (2, ["usage.file-exists"]) and not (root / "root/elsewhere").exists()


@pytest.mark.parametrize(
    ("change", "id"),
    [
        (("--user", "a/b"), "usage.user"),
        (("--computer", "luke"), "usage.computer"),
        (("--language", "deutsch"), "usage.language"),
        (("--edition", " "), "usage.setup-word"),
        (("--os", "linux"), "usage"),
        (("--password-file", "/root/none"), "usage.no-file"),
        (("--password-file", "/root"), "usage.no-file"),
    ],
)
def test_bad_words_write_nothing(change: tuple[str, str], id: str, root: Path) -> None:
    before = snapshot(root)
    ran = on(root, *LINE, "--password-file", "/root/secret", *change, "-y", "--json")
    assert (ran.code, ran.errors) == (2, [id])
    assert not difference(before, snapshot(root))


def test_a_password_that_others_read(root: Path) -> None:
    (root / "root/secret").chmod(0o640)
    assert on(root, *LINE, "--password-file", "/root/secret", "--json").errors == ["usage.password-file"]


def test_no_folder_and_no_terminal(root: Path) -> None:
    assert on(root, "answer-file", "/nowhere/a.xml", "--user", "luke", "--json").errors == ["usage.no-file"]
    assert on(root, *LINE, "--json").errors == ["usage.password"]
    before = snapshot(root)
    ran = on(root, *LINE, "-n", "--json")
    assert (ran.code, [each["state"] for each in ran.envelope["changes"]]) == (0, ["planned"])
    assert not difference(before, snapshot(root))


def test_the_password_is_asked_for_and_hidden(root: Path) -> None:
    child = terminal(root, *LINE)
    child.expect_exact("Password for luke in Windows: ")
    child.sendline(SECRET)
    child.expect_exact("Repeat for confirmation: ")
    child.sendline(SECRET)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0 and "tr0ub4dor" not in str(child.before)
    assert "tr0ub4dor &amp; &lt;3&gt;" in (root / "root/answers.xml").read_text(encoding="utf-8")
