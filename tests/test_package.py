"""What is installed: the wheel holds every file of vdesk/ and nothing else, and the development tools are pinned."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import vdesk
from tests.test_linters import TOP, tracked

PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.mark.timeout(300)
def test_wheel_holds_everything(tmp_path: Path) -> None:
    for name in [*tracked("vdesk"), "pyproject.toml", "LICENSE", "README.md"]:
        copy = tmp_path / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((TOP / name).read_bytes() if (TOP / name).exists() else b"")
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(tmp_path / "source")]  # noqa: E501
    subprocess.run([sys.executable, "-m", *build], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("vdesk-*.whl")
    assert wheel.name == f"vdesk-{vdesk.__version__}-py3-none-any.whl"
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == set(tracked("vdesk"))


def test_tools_are_pinned() -> None:
    loose = [line for line in PROJECT["optional-dependencies"]["dev"] if not re.fullmatch(r"[\w-]+==[\d.]+", line)]
    assert not loose
    tools = {line.partition("==")[0] for line in PROJECT["optional-dependencies"]["dev"]}
    assert {re.split(r"[<>=]", line)[0] for line in PROJECT["dependencies"]} <= tools
