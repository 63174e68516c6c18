"""A named tuple that is cheap to define: typing.NamedTuple compiles a function and every annotation for each class, and
the thirty of one command cost more than what it reads from the machine. For what every command imports; elsewhere a
NamedTuple is as good, and type checkers know its fields when it is unpacked."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record(tuple[Any, ...]):
    """What a subclass annotates are its fields, in that order; a value in the class is a field's default.

    Otherwise as typing.NamedTuple: a tuple, equal to one, ordered like one, hashed like one."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        cls._defaults = {name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__}
        for number, name in enumerate(cls._fields):
            setattr(cls, name, property(itemgetter(number)))

    def __new__(cls, *given: Any, **named: Any) -> Self:
        """TypeError for a field that is missing, unknown or given twice."""
        if named or len(given) != len(cls._fields):
            given = cls._filled(given, named)
        return tuple.__new__(cls, given)

    @classmethod
    def _filled(cls, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
        rest = cls._fields[len(given) :]
        unknown = [name for name in named if name not in rest]
        if unknown or len(given) > len(cls._fields):
            raise TypeError(cls.__name__, given, unknown)
        values = {**cls._defaults, **named}
        missing = [name for name in rest if name not in values]
        if missing:
            raise TypeError(cls.__name__, given, missing)
        return (*given, *(values[name] for name in rest))

    def __getnewargs__(self) -> tuple[Any, ...]:
        """For copy and pickle."""
        return tuple(self)

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"{type(self).__name__}({inside})"

    def _replace(self, **named: Any) -> Self:
        """The same with other values for some fields."""
        return type(self)(**{**self._asdict(), **named})

    def _asdict(self) -> dict[str, Any]:
        """Field name -> value, in order."""
        return dict(zip(self._fields, self, strict=True))
