"""Compound commands of sh (if, loops, case, braces), and what a simple command does to variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdesk.boot.shell_script import SETS_ANY, SPECIAL_BUILTINS, STOPS, Assign, Effect, Other, Step, Unset
from vdesk.boot.shell_types import NAME, NAME_START, Char, Part, ShellError, Word

if TYPE_CHECKING:
    from vdesk.boot.shell_script import Script


def read(script: Script, word: str) -> tuple[Effect, str]:
    """The compound command that `word` begins: what it may do, and what it is called."""
    readers = {"{": _braces, "if": _if, "while": _while, "until": _while, "for": _for, "case": _case}
    if word not in readers:
        raise ShellError(f"{word!r} in line {script.words.line(script.words.at)} is out of place")
    script.take(word)
    return readers[word](script)


def _braces(script: Script) -> tuple[Effect, str]:
    effect = script.nonempty(("}",))
    script.take("}")
    return effect, "a group of commands"


def _if(script: Script) -> tuple[Effect, str]:
    effect = script.nonempty(("then",))
    script.take("then")
    effect |= script.nonempty(("elif", "else", "fi"))
    while script.reserved() == "elif":
        script.take("elif")
        effect |= script.nonempty(("then",))
        script.take("then")
        effect |= script.nonempty(("elif", "else", "fi"))
    if script.reserved() == "else":
        script.take("else")
        effect |= script.nonempty(("fi",))
    script.take("fi")
    return effect, "a conditional"


def _loop_body(script: Script) -> Effect:
    script.take("do")
    effect = script.nonempty(("done",))
    script.take("done")
    return effect


def _while(script: Script) -> tuple[Effect, str]:
    effect = script.nonempty(("do",))
    return effect | _loop_body(script), "a loop"


def _for(script: Script) -> tuple[Effect, str]:
    words = script.words
    words.blanks()
    name = words.word()
    bare = name.bare if name else None
    if not bare or bare[0] not in NAME_START or not set(bare) <= NAME:
        raise ShellError(f"a loop in line {words.line(words.at)} has no variable")
    sets = frozenset([bare])
    script.newlines()
    if script.reserved() == "in":
        script.take("in")
        words.blanks()
        while each := words.word():
            sets |= each.sets
            words.blanks()
        if words.look() not in (";", "\n"):
            raise ShellError(f"a loop in line {words.line(words.at)} has no end of its list")
    if words.look() == ";":
        words.at += 1
    script.newlines()
    return Effect(sets) | _loop_body(script), "a loop"


def _case(script: Script) -> tuple[Effect, str]:
    words = script.words
    words.blanks()
    subject = words.word()
    if subject is None:
        raise ShellError(f"a case in line {words.line(words.at)} has no word")
    effect = Effect(subject.sets)
    script.newlines()
    script.take("in")
    script.newlines()
    while script.reserved() != "esac":
        effect |= _branch(script)
        script.newlines()
        if script.reserved() != "esac" and not words.ahead(";;"):
            raise ShellError(f"a case in line {words.line(words.at)} is not closed")
        script.newlines()
    script.take("esac")
    return effect, "a case"


def _branch(script: Script) -> Effect:
    words = script.words
    words.ahead("(")
    sets: frozenset[str] = frozenset()
    while True:
        words.blanks()
        pattern = words.word()
        if pattern is None:
            raise ShellError(f"a case in line {words.line(words.at)} is not closed")
        sets |= pattern.sets
        words.blanks()
        if words.ahead(")"):
            break
        if not words.ahead("|"):
            raise ShellError(f"a case in line {words.line(words.at)} has no )")
    return Effect(sets) | _body_effect(script)


def _body_effect(script: Script) -> Effect:
    from vdesk.boot.shell_script import effect_of

    return effect_of(script.body(("esac",)))


# --- simple commands
def steps_of(assigns: list[Assign], words: list[Word], targets: list[Word]) -> list[Step]:
    """What a simple command comes to: its assignments where there is no command, else the command's effect."""
    side: frozenset[str] = frozenset().union(*(word.sets for word in [*words, *targets]))
    rest: list[Step] = [Other(Effect(side), "an expansion that sets a variable")] if side else []
    if not words:
        return [*assigns, *rest]
    name = words[0].literal
    if name in ("export", "unset") and not assigns:
        found = _exported(words[1:]) if name == "export" else _unset(words[1:])
        if found is not None:
            return [*found, *rest]
    return [*rest, _called(name, assigns, words)]


def _called(name: str | None, assigns: list[Assign], words: list[Word]) -> Other:
    before = frozenset(each.name for each in assigns)
    if name is None:
        return Other(Effect(before, anything=True, stops=True), "a command whose name is computed")
    if name.endswith("\r") and name != "\r":
        name = name[:-1]
    if name == "\r":
        raise ShellError("its lines end as in Windows (CR LF), which sh takes for a command; dos2unix repairs that")
    if "=" in name:
        target = name.partition("=")[0].rstrip("+").partition("[")[0]
        return Other(Effect(frozenset([target])), "+= or an assignment to an array, which not every sh has")
    after = frozenset(_target(word) for word in words[1:]) if name in ("export", "unset") else frozenset()
    effect = Effect(calls=frozenset([name]), sets=(before if name in SPECIAL_BUILTINS else frozenset()))
    if name == "readonly":
        effect |= Effect(locks=frozenset(each for each in map(_target, words[1:]) if each))
    if name in SETS_ANY or name in STOPS or None in after:
        return Other(effect | Effect(anything=True, stops=name in STOPS), f"the command {name}")
    return Other(effect | Effect(frozenset(each for each in after if each)), f"the command {name}")


def _target(word: Word) -> str | None:
    """The variable that an argument of export or unset names; None where that is computed."""
    text = ""
    for part in word.parts:
        if not isinstance(part, Char):
            return None
        if part.char == "=":
            break
        text += part.char
    return text


def _exported(arguments: list[Word]) -> list[Step] | None:
    """`export NAME=value`: an assignment; None where field splitting could change the value."""
    steps: list[Step] = []
    for word in arguments:
        text = word.bare or ""
        if text and (set(text) <= NAME or text == "-p"):
            continue
        assign = _assigned(word)
        if assign is None or not all(_kept_whole(part) for part in assign.value.parts):
            return None
        steps.append(assign)
    return steps


def _assigned(word: Word) -> Assign | None:
    name = ""
    for index, part in enumerate(word.parts):
        if not isinstance(part, Char) or part.quote:
            return None
        if part.char == "=":
            value = Word(word.parts[index + 1 :], part.end, word.end)
            return Assign(name, value) if name and name[0] in NAME_START else None
        if part.char not in NAME:
            return None
        name += part.char
    return None


def _kept_whole(part: Part) -> bool:
    """Whether neither field splitting nor pathname expansion can touch the part in an argument."""
    return bool(part.quote) or (isinstance(part, Char) and part.char not in "*?[~")


def _unset(arguments: list[Word]) -> list[Step] | None:
    names = [word.literal for word in arguments]
    if any(name is None or not name or not set(name) <= NAME for name in names):
        return None
    return [Unset(name) for name in names if name]
