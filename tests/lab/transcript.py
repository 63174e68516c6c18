"""A file that keeps what was typed on a machine and what it said, for people to read afterwards."""

from __future__ import annotations

import shutil
from pathlib import Path

from .channel import Reply


class Transcript:
    """Appends to a file; without one it keeps nothing."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("")

    def note(self, text: str) -> None:
        """Keep a remark."""
        self._append(f"# {text}\n\n")

    def command(self, reply: Reply, user: str) -> None:
        """Keep a command with its output, exit code and time."""
        prompt = "#" if user == "root" else "$"
        body = "".join(text if not text or text.endswith("\n") else text + "\n" for text in (reply.out, reply.err))
        self._append(f"{user}@vdesk-lab {prompt} {reply.command}\n{body}[exit {reply.rc}, {reply.seconds:.1f} s]\n\n")

    def keep_console(self, console: Path) -> None:
        """Keep the machine's serial console beside the file."""
        if self.file and console.exists():
            shutil.copyfile(console, self.file.with_suffix(".console"))

    def _append(self, text: str) -> None:
        if self.file:
            with self.file.open("a") as file:
                file.write(text)
