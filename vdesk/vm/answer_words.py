"""What a person types for an answer file: WrongUsage for what Windows would not take."""

from __future__ import annotations

import re
import unicodedata

from vdesk.model.errors import WrongUsage, problem

USER_LENGTH, COMPUTER_LENGTH, PASSWORD_LENGTH, TEXT_LENGTH = 20, 15, 127, 100
NOT_IN_USER = frozenset('"/\\[]:;|=,+*?<>@%')
RESERVED = frozenset(
    {
        "administrator", "guest", "defaultaccount", "wdagutilityaccount", "system", "none", "local service",
        "network service", "localservice", "networkservice", "everyone", "administrators", "users", "guests",
    }
)  # fmt: skip
LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Z][a-z]{3})?-[A-Z]{2}")
KEYBOARD = re.compile(rf"{LANGUAGE.pattern}|[0-9a-fA-F]{{4}}:[0-9a-fA-F]{{8}}")
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def check_user(name: str) -> str:
    """A name of a local account of Windows (20 characters, none that its account database refuses)."""
    cause = _hidden(name) or _user_cause(name)
    if cause:
        raise WrongUsage(
            problem(
                "usage.user",
                f"--user: {name!r} is not a name for a Windows account",
                cause,
                "give for example: --user luke",
            )
        )
    return name


def _user_cause(name: str) -> str:
    if not 1 <= len(name) <= USER_LENGTH:
        return f"a name has 1 to {USER_LENGTH} characters, not {len(name)}"
    if NOT_IN_USER & set(name):
        return "a name has none of " + " ".join(sorted(NOT_IN_USER))
    if not name.strip(" .") or name != name.strip() or name.endswith("."):
        return "a name is more than dots and blanks, begins and ends with no blank, and ends with no dot"
    if name.lower() in RESERVED:
        return "Windows keeps this name for itself"
    return ""


def check_computer(name: str, user: str) -> str:
    """A computer's name; `*` has Windows make one."""
    cause = ""
    if name != "*" and not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", name):
        cause = "it has letters, digits and hyphens only, and begins and ends with none of the last"
    elif len(name) > COMPUTER_LENGTH or name.isdigit():
        cause = f"it has up to {COMPUTER_LENGTH} characters, not digits alone"
    elif name.lower() == user.lower():
        cause = "the account has this name already"
    if cause:
        raise WrongUsage(
            problem(
                "usage.computer",
                f"--computer: {name!r} is not a name for a computer",
                cause,
                "give for example: --computer hoth",
            )
        )
    return name


def check_language(text: str, option: str, pattern: re.Pattern[str] = LANGUAGE) -> str:
    """A language as Windows names it; for a keyboard, its layout's numbers too."""
    if not pattern.fullmatch(text):
        raise WrongUsage(
            problem(
                "usage.language",
                f"{option}: {text!r} is no language",
                "it has the form en-US",
                f"give for example: {option} en-US",
            )
        )
    return text


def check_text(text: str, option: str) -> str:
    """An edition's or a time zone's name: printable, and not too long."""
    cause = _hidden(text) or ("" if text.strip() == text else "it begins or ends with a blank")
    if cause or not 1 <= len(text) <= TEXT_LENGTH:
        cause = cause or f"it has 1 to {TEXT_LENGTH} characters"
        raise WrongUsage(
            problem(
                "usage.setup-word",
                f"{option}: {text!r} is not what Setup could know",
                cause,
                f"give it as it is written there: {option} NAME",
            )
        )
    return text


def check_password(password: str) -> str:
    """A password that XML and Windows can hold; it is in no message."""
    cause = _hidden(password)
    if not password:
        cause = "an administrator without a password is open to whoever sits at the screen"
    elif len(password) > PASSWORD_LENGTH:
        cause = f"it has more than {PASSWORD_LENGTH} characters"
    if cause:
        raise WrongUsage(problem("usage.password", "this password cannot be used", cause, "choose another one"))
    return password


def _hidden(text: str) -> str:
    if any(unicodedata.category(sign) in HIDDEN or sign in "\ufffe\uffff" for sign in text):
        return "it has a character that nobody can see or type, or that no XML can hold"
    return ""
