"""ACPI tables as far as the tests need them: a header that adds up, and the DMAR's flags (VT-d specification, 8)."""

from __future__ import annotations

import struct

from tests.machines.parts import Machine, Tree

FOLDER = "sys/firmware/acpi/tables"


def table(signature: str, body: bytes, revision: int = 1) -> bytes:
    """An ACPI table: 36 bytes of header whose checksum makes all bytes sum to 0."""
    length = 36 + len(body)
    head = struct.pack("<4sIBB6s8sI4sI", signature.encode(), length, revision, 0, b"ALASKA", b"A M I   ", 1, b"INTL", 1)
    whole = bytearray(head + body)
    whole[9] = -sum(whole) & 0xFF
    return bytes(whole)


def dmar(intremap: bool = True) -> bytes:
    """A DMAR of two units: one of the integrated graphics alone, one of everything else; 39 bits of address width."""
    graphics = struct.pack("<HHBBHQBBHBBBB", 0, 24, 0, 0, 0, 0xFED90000, 1, 8, 0, 0, 0, 2, 0)
    others = struct.pack("<HHBBHQ", 0, 16, 1, 0, 0, 0xFED91000)
    return table("DMAR", bytes((38, 1 if intremap else 0)) + bytes(10) + graphics + others)


def ivrs() -> bytes:
    """An IVRS of one unit at 00:00.2."""
    unit = struct.pack("<BBHHHQHHI", 0x11, 0xB0, 40, 0x0002, 0x40, 0xFEB80000, 0, 0, 0x80048F6E) + bytes(16)
    return table("IVRS", struct.pack("<IQ", 0x00203041, 0) + unit, 2)


def write_tables(machine: Machine, tree: Tree) -> None:
    """The tables; `data` is a folder of the kernel's."""
    tree[f"{FOLDER}/APIC"] = table("APIC", bytes(8))
    tree[f"{FOLDER}/data"] = None
    if machine.iommu == "dmar":
        tree[f"{FOLDER}/DMAR"] = dmar(not any("does not support" in line for line in machine.log))
    elif machine.iommu == "ivrs":
        tree[f"{FOLDER}/IVRS"] = ivrs()
