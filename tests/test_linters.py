"""The linters are tests like any other: what ./dev lint says, CI says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
SHELL_FILES = ["dev", ".ci/run", "completions/vdesk.bash"]
PYTHON_FILES = ["vdesk", "tests", "packaging"]


def tracked(*patterns: str) -> list[str]:
    """Return the files of the checkout that git knows or would add, ignored ones left out; paths from the top."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", *patterns]
    listed = subprocess.run(argv, cwd=TOP, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for path in listed if (TOP / path).exists()]


def lint(program: str, *arguments: str) -> None:
    """Run a tool of the environment or of the distribution at the top; its complaint is the failure."""
    beside = Path(sys.executable).with_name(program)
    found = str(beside) if beside.exists() else shutil.which(program)
    assert found, f"{program} is missing; ./dev lint installs it"
    done = subprocess.run([found, *arguments], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} {' '.join(arguments)}\n{done.stdout}{done.stderr}"


def test_ruff() -> None:
    lint("ruff", "check", "--no-fix", "--output-format=concise", *PYTHON_FILES)


@pytest.mark.timeout(600)
def test_mypy() -> None:
    lint("mypy", "--no-error-summary", *PYTHON_FILES)


def test_import_directions() -> None:
    lint("lint-imports", "--no-cache")


def test_shellcheck() -> None:
    scripts = [path for path in tracked("*.sh", "*.bash") if path not in SHELL_FILES]
    lint("shellcheck", "--shell=bash", *SHELL_FILES, *scripts)


def test_spelling() -> None:
    lint("codespell", *tracked("*.py", "*.md", "*.toml", "*.yml", "dev", "*.sh", "*.txt"))
