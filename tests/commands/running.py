"""Running vdesk as a user does, in this process: argv in; exit code, stdout and stderr out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

from vdesk.cli import run

Machines = Callable[[str], Path]
"""The name of a machine -> a folder where it has just been laid out."""
SCHEMA = Path(__file__).resolve().parents[2] / "docs/json.schema.json"


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """stdout as the one JSON document it has to be, valid by the schema, its exit code the real one."""
        found = json.loads(self.out)
        mistakes = [f"{'/'.join(map(str, each.path))}: {each.message}" for each in validator().iter_errors(found)]
        assert not mistakes, mistakes
        assert found["exit_code"] == self.code
        assert isinstance(found, dict)
        return found

    @property
    def errors(self) -> list[str]:
        """The ids of the errors."""
        return [each["id"] for each in self.envelope["errors"]]


@cache
def validator() -> Draft202012Validator:
    """The schema of docs/, itself checked."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def vdesk(*argv: str | Path) -> Ran:
    """Run a command line; a traceback in either stream is a failure of the test."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(word) for word in argv])
    ran = Ran(code, out.getvalue(), err.getvalue())
    assert "Traceback" not in ran.out + ran.err
    assert "vdesk itself failed" not in ran.out + ran.err, ran.out + ran.err
    return ran


def on(root: Path, *argv: str) -> Ran:
    """Run a command on the captured machine at `root`; nothing that it prints names that folder."""
    ran = vdesk("--root", root, *argv)
    if not {"-v", "--verbose"} & set(argv):
        assert str(root) not in ran.out + ran.err
    return ran
