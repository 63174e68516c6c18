"""One controller for all tests of this folder."""

from __future__ import annotations

import pytest

from tests.ansible.playing import Controller


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Controller:
    """Return a controller of this module's own."""
    return Controller(tmp_path_factory.mktemp("controller"))
