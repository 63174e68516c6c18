"""Where vCPUs sit: properties that hold for every machine, and the cases that a person would choose by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdesk.host.cpu_topology import Core, CpuTopology, format_list, parse_list
from vdesk.vm.pinning import most, pin, said


def machine(
    caches: list[int], threads: int = 2, efficient: int = 0, nodes: bool = False, sizes: tuple[int, ...] = ()
) -> CpuTopology:
    """Cores in caches, so many in each and of `sizes` in MiB, siblings far apart as on AMD; then efficient cores of one
    thread."""
    count = sum(caches)
    cores: list[Core] = []
    for cache, size in enumerate(caches):
        for _ in range(size):
            first = len(cores)
            cpus = tuple(first + count * thread for thread in range(threads))
            mib = sizes[cache % len(sizes)] if sizes else 0
            cores.append(Core(cpus, 0, sum(caches[:cache]), cache if nodes else 0, cache_size=mib << 20))
    start = count * threads
    cores += [Core((start + number,), 0, 0, 0, fast=False) for number in range(efficient)]
    return CpuTopology(tuple(cores), "amd", frozenset())


MACHINES = st.builds(
    machine,
    st.lists(st.integers(1, 8), min_size=1, max_size=4),
    st.integers(1, 2),
    st.integers(0, 8),
    st.booleans(),
    st.lists(st.sampled_from([0, 16, 32, 96]), max_size=4).map(tuple),
)


@given(MACHINES, st.integers(1, 64), st.integers(-1, 3))
def test_what_always_holds(topology: CpuTopology, vcpus: int, node: int) -> None:
    threads = topology.threads if vcpus % topology.threads == 0 else 1
    found = pin(topology, vcpus, threads, node)
    if found is None:
        assert vcpus > most(topology)
        return
    assert len(found.cpus) == vcpus == len(set(found.cpus))
    assert not set(found.cpus) & set(found.host)
    whole = [core for core in topology.cores if not set(core.cpus) & set(found.cpus)]
    assert len(whole) >= 2
    assert 0 in found.host or len(topology.fast) == 1
    assert set(found.host) == {cpu for core in whole for cpu in core.cpus}
    fast = {cpu for core in topology.fast for cpu in core.cpus}
    assert set(found.cpus) <= fast
    if threads == 2:
        siblings = {core.cpus for core in topology.cores}
        assert all(found.cpus[place : place + 2] in siblings for place in range(0, vcpus, 2))


def test_one_cache_when_it_fits() -> None:
    found = pin(machine([6, 6]), 12, 2)
    assert found and set(found.cpus) == {*range(6, 12), *range(18, 24)}


def test_the_smallest_cache_that_fits() -> None:
    found = pin(machine([6, 6, 3]), 4, 2)
    assert found and set(found.cpus) == {13, 14, 28, 29}


def test_the_cards_memory() -> None:
    near = pin(machine([6, 6], nodes=True), 4, 2, node=0)
    assert near and set(near.cpus) == {4, 5, 16, 17}


# --- caches of two sizes: the 7950X3D has 96 MiB for cores 0 to 7 and 32 MiB for 8 to 15, or the other way round
X3D, SWAPPED = machine([8, 8], sizes=(96, 32)), machine([8, 8], sizes=(32, 96))


@pytest.mark.parametrize(
    ("topology", "vcpus", "cores", "words"),
    [
        (X3D, 8, range(4, 8), "on the cores with the larger cache (96 MiB)"),
        (X3D, 14, range(1, 8), "on the cores with the larger cache (96 MiB)"),
        (X3D, 28, [*range(1, 8), *range(9, 16)], "32, 96 MiB of cache. Games gain most from the larger one (96 MiB)"),
        (SWAPPED, 8, range(12, 16), "larger cache (96 MiB)"),
        (SWAPPED, 16, range(8, 16), "larger cache (96 MiB)"),
        (SWAPPED, 28, range(2, 16), "there is room for 16."),
        (machine([8, 8], sizes=(96, 0)), 8, range(4, 8), ""),
        (machine([8, 8], sizes=(32, 32)), 8, range(4, 8), ""),
    ],
)
def test_the_larger_cache(topology: CpuTopology, vcpus: int, cores: Sequence[int], words: str) -> None:
    found = pin(topology, vcpus, 2)
    assert found and (not words or {cpu % 16 for cpu in found.cpus} == set(cores))
    told = said(topology, found)
    assert words in told and bool(told) is bool(words)


def test_one_cache_is_better_than_most_of_the_larger_one() -> None:
    """Core 0 stays with the host, so 8 cores fit on the other half only."""
    whole = pin(X3D, 16, 2)
    assert whole and {cpu % 16 for cpu in whole.cpus} == set(range(8, 16))
    assert "32 MiB of cache. Games gain most from the larger one (96 MiB), where there is room for 14." in said(
        X3D, whole
    )


def test_the_cards_node_comes_before_the_cache() -> None:
    topology = machine([6, 6], nodes=True, sizes=(32, 96))
    near = pin(topology, 4, 2, node=0)
    assert near and set(near.cpus) == {4, 5, 16, 17}
    assert "32 MiB of cache, and not on those with 96 MiB: the card is nearer" in said(topology, near, 0)


def test_too_many() -> None:
    assert pin(machine([4]), 6, 2) is None
    assert most(machine([4])) == 4
    assert most(machine([2])) == 0


def test_lists() -> None:
    assert parse_list("0-2,5,7-8\n") == (0, 1, 2, 5, 7, 8)
    assert parse_list("") == parse_list("x") == parse_list("1-x") == ()
    assert format_list((8, 0, 1, 2, 5, 7)) == "0-2,5,7-8"


@given(st.sets(st.integers(0, 300)))
def test_lists_there_and_back(numbers: set[int]) -> None:
    assert parse_list(format_list(tuple(numbers))) == tuple(sorted(numbers))
