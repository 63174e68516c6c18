"""The lab tells a boot that the emulator broke from one that failed, and only the first is made again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.lab.errors import EmulatorBroke, LabError
from tests.lab.image import BOOTS, until_booted


def attempts(*results: Exception | None) -> tuple[list[int], Callable[[], None]]:
    """Count the attempts; each raises what stands for it, the last one for all after it."""
    made: list[int] = []

    def attempt() -> None:
        made.append(1)
        result = results[min(len(made), len(results)) - 1]
        if result is not None:
            raise result

    return made, attempt


def test_a_broken_boot_is_made_again(capsys: pytest.CaptureFixture[str]) -> None:
    made, attempt = attempts(EmulatorBroke("the emulation failed"), EmulatorBroke("again"), None)
    until_booted(attempt, 0.0)
    assert len(made) == 3
    assert "the emulation failed" in capsys.readouterr().err


def test_not_for_ever() -> None:
    made, attempt = attempts(EmulatorBroke("the emulation failed"))
    with pytest.raises(EmulatorBroke):
        until_booted(attempt, 0.0)
    assert len(made) == BOOTS


def test_what_failed_is_told_at_once() -> None:
    made, attempt = attempts(LabError("no answer within 900 s"), None)
    with pytest.raises(LabError, match="no answer"):
        until_booted(attempt, 0.0)
    assert len(made) == 1
