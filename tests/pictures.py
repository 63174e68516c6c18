"""The pictures of README and docs: commands run on the demo machine in a terminal of 100 columns, drawn as SVG.

    python -m tests.pictures          writes docs/pictures/*.svg
"""

from __future__ import annotations

import io
import os
import pathlib
import re
import sys

import pexpect
from rich.console import Console
from rich.text import Text

TOP = pathlib.Path(__file__).parent.parent
FOLDER = TOP / "docs/pictures"
COLUMNS = 100
PICTURES = {
    "check": ["demo", "check"],
    "groups": ["demo", "groups", "--gpu"],
    "enable": ["demo", "iommu", "enable", "-n"],
}
DRAWN = {"topology": ["demo", "groups", "--svg", "-"]}
"""What vdesk draws itself."""
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="monospace">
<style>
.{unique_id}-matrix {{ font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; }}
{styles}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#1c1f26"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def run(words: list[str], language: str = "en", columns: int = COLUMNS) -> str:
    """What the command prints on a terminal, colours included."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LC_ALL": "C.UTF-8"}
    environment["LANGUAGE"] = language
    environment.pop("NO_COLOR", None)
    child = pexpect.spawn(
        sys.executable, ["-m", "vdesk", *words], cwd=str(TOP), env=environment, dimensions=(200, columns), timeout=60
    )
    text: bytes = child.read()
    child.close()
    return text.decode().replace("\r\n", "\n")


def draw(title: str, printed: str) -> str:
    """One SVG without anything from the network."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor", _environ={}
    )
    console.print(Text(f"$ vdesk {title}", style="bold"))
    console.print(Text.from_ansi(printed.rstrip()))
    drawn = console.export_svg(title="", code_format=FRAME, unique_id="vdesk")
    return re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE)


def main() -> None:
    """Write every picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, words in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(" ".join(words[1:]), run(words)))
        print(f"docs/pictures/{name}.svg")
    for name, words in DRAWN.items():
        (FOLDER / f"{name}.svg").write_text(run(words))
        print(f"docs/pictures/{name}.svg")


if __name__ == "__main__":
    main()
