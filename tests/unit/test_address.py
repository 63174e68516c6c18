"""The spellings of an address that a person or a script may rely on, and nothing besides."""

from __future__ import annotations

import pytest

from vdesk.model.address import Address, find_address, parse_address
from vdesk.model.errors import WrongUsage

CARD = Address(0, 1, 0, 0)


@pytest.mark.parametrize("text", ["01:00.0", "0000:01:00.0", "pci_0000_01_00_0"])
def test_spellings(text: str) -> None:
    assert parse_address(text) == CARD


@pytest.mark.parametrize("text", ["0000:0A:1f.7", "0a:1F.7", "pci_0000_0A_1f_7", "00000000:0a:1f.7"])
def test_hex_digits_of_either_case(text: str) -> None:
    assert find_address(text) == Address(0, 10, 31, 7)


@pytest.mark.parametrize(
    "text", ["01:00.0 ", " 01:00.0", "01:00.0\n", "0000:01:00.0\t", "PCI_0000_01_00_0", "Pci_0000_01_00_0", "01:20.0"]
)
def test_other_spellings(text: str) -> None:
    assert find_address(text) is None
    with pytest.raises(WrongUsage) as caught:
        parse_address(text)
    assert caught.value.problems[0].id == "usage.address"
