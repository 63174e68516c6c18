"""A Report as text or as JSON. Both come from the same object; rich is loaded for text only."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any

from vdesk.model.record import Record
from vdesk.model.report import Report

UNPRINTABLE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
"""Control characters but tab and newline, marks of writing direction, bytes that were no UTF-8."""


class Output(Record):
    """Where and how to render: `plain` is without colour, `root` the folder of a captured machine; `language` is one
    of vdesk.render.language.LANGUAGES, empty for English, and never counts for JSON; `brief` tells of a new file
    only how long it is, for the plans of many commands in one."""

    json: bool = False
    plain: bool = False
    verbose: bool = False
    root: str = ""
    language: str = ""
    brief: bool = False


def emit(report: Report, output: Output) -> None:
    """Write the report: JSON alone on stdout, or the result on stdout and errors on stderr."""
    spell_all()
    if output.json:
        sys.stdout.write(as_json(report, output))
        sys.stdout.flush()
        return
    from vdesk.render.text import write

    write(report, output)


def spell_all() -> None:
    """Have both streams write with escapes what this locale has no sign for, in names and in other languages."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def show_plan(report: Report, output: Output) -> None:
    """Show a plan on stderr, before the question."""
    from vdesk.render.text import write_plan

    write_plan(report, output)


def as_json(report: Report, output: Output) -> str:
    """The envelope as one document. The folder of a captured machine is nowhere in it (contract section 1)."""
    import json

    return json.dumps(clean(report.as_json(), output.root), indent=2, ensure_ascii=True) + "\n"


def clean(value: Any, root: str) -> Any:
    """The value without the captured machine's folder in any of its texts."""
    folder = root.rstrip("/")
    if not folder:
        return value
    place = re.compile(r"(?<![\w.-])" + re.escape(folder) + r"(?:/|(?![\w.-]))")
    return mapped(value, lambda text: place.sub("/", text) if folder in text else text)


def printable(text: str) -> str:
    """The text without what a terminal could take for a command, or show in another order than it is written."""
    lines = text.replace("\n", "")
    return text if lines.isascii() and lines.isprintable() else re.sub(UNPRINTABLE, "\ufffd", text)


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """The value with every text in it changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [mapped(each, change) for each in value]
    if isinstance(value, dict):
        return {key: mapped(each, change) for key, each in value.items()}
    return value
