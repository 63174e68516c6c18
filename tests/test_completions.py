"""completions/ is what click makes today, and a real bash completes with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.completions import FILES, FOLDER, script

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("shell", FILES)
def test_files_are_current(shell: str) -> None:
    assert (FOLDER / FILES[shell]).read_text(encoding="utf-8") == script(shell), "./dev completions writes it anew"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [(["vdesk", "iom"], {"iommu"}), (["vdesk", "iommu", "en"], {"enable"}), (["vdesk", "zz"], set())],
)
def test_bash_completes(typed: list[str], expected: set[str]) -> None:
    words = " ".join(f"'{word}'" for word in typed)
    program = (
        f"source {FOLDER / 'vdesk.bash'}; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; "
        '_vdesk_completion vdesk; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert (set(done.stdout.split()), done.stderr) == (expected, "")
