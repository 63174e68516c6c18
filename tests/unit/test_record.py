"""vdesk.model.record beside typing.NamedTuple: the same answers, without what defining one costs."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import pytest

from vdesk.model.record import Record


class Point(Record):
    """Two fields, and one with a default."""

    x: int
    y: int
    name: str = "origin"

    @property
    def double(self) -> int:
        """A method beside the fields."""
        return self.x * 2


class Named(NamedTuple):
    """The same by typing."""

    x: int
    y: int
    name: str = "origin"


def test_the_same_as_a_named_tuple() -> None:
    cases: Any = (((1, 2), {}), ((1, 2, "a"), {}), ((1,), {"y": 2}), ((), {"y": 2, "x": 1, "name": "b"}))
    for given, named in cases:
        ours: Any = Point(*given, **named)
        theirs: Any = Named(*given, **named)
        assert ours == theirs and hash(ours) == hash(theirs)
        assert (ours.x, ours.y, ours.name) == tuple(ours) == (theirs.x, theirs.y, theirs.name)
        assert repr(ours) == repr(theirs).replace("Named", "Point")
        assert ours._asdict() == theirs._asdict()
        assert ours._replace(y=7) == theirs._replace(y=7)
        assert type(ours._replace(y=7)) is Point
        assert copy.deepcopy(ours) == ours and type(copy.copy(ours)) is Point
    assert Point(3, 0).double == 6
    assert sorted([Point(2, 1), Point(1, 2)]) == [Point(1, 2), Point(2, 1)]
    assert Point._fields == ("x", "y", "name")


@pytest.mark.parametrize(
    ("given", "named"),
    [((1,), {}), ((1, 2, "a", 4), {}), ((1, 2), {"z": 3}), ((1, 2), {"x": 3}), ((), {"name": "a"})],
)
def test_wrong_fields_are_refused(given: Any, named: Any) -> None:
    with pytest.raises(TypeError):
        Named(*given, **named)
    with pytest.raises(TypeError):
        Point(*given, **named)


def test_a_field_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        Point(1, 2).x = 3  # type: ignore[misc]
