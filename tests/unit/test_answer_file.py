"""The answer file: what Setup needs is in it, whatever is typed is in it as it is, and vdesk's own checker likes it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vdesk.model.errors import WrongUsage
from vdesk.plans.vm_answer import UNATTEND
from vdesk.vm import answer_words as words
from vdesk.vm.answer_file import DRIVERS, LETTERS, Wanted, answer_file

NS = {"u": "urn:schemas-microsoft-com:unattend"}
ACTION = "{http://schemas.microsoft.com/WMIConfig/2002/State}action"
LUKE = Wanted("win11", "luke", "Windows 11 Pro", "en-US", "en-US", "*", None, "secret")
PLACES = {
    "windowsPE": ("International-Core-WinPE", "PnpCustomizationsWinPE", "Setup"),
    "specialize": ("Shell-Setup", "Deployment"),
    "oobeSystem": ("International-Core", "Shell-Setup"),
}
# What XML 1.0 can hold and a person can type, hostile on purpose.
SIGNS = st.text(
    st.characters(min_codepoint=32, exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")),
    min_size=1,
    max_size=60,
)


def parsed(wanted: Wanted) -> Element:
    return ElementTree.fromstring(answer_file(wanted))


def texts(root: Element, path: str) -> list[str]:
    return [each.text or "" for each in root.iterfind(path, NS)]


@pytest.mark.parametrize(("os", "folder"), [("win10", "w10"), ("win11", "w11")])
def test_drivers_from_every_letter(os: str, folder: str) -> None:
    root = parsed(Wanted(os, "luke", "x", "en-US", "en-US", "*", None, "p"))
    paths = texts(root, ".//u:PathAndCredentials/u:Path")
    assert set(paths) == {rf"{at}:\{name}\{folder}\amd64" for at in LETTERS for name, _ in DRIVERS}
    keys = [each.get(ACTION.replace("action", "keyValue")) for each in root.iterfind(".//u:PathAndCredentials", NS)]
    assert len(set(keys)) == len(keys) == 24
    loads = [text for text in texts(root, ".//u:RunSynchronousCommand/u:Path") if "drvload" in text]
    assert [text.split("drvload ")[1] for text in loads] == [
        rf"%d:\{name}\{folder}\amd64\{inf}" for name, inf in DRIVERS
    ]
    assert all("(C D E F G H I)" in text for text in loads)


def test_the_disk() -> None:
    root = parsed(LUKE)
    assert texts(root, ".//u:Disk/u:DiskID") == ["0"] and texts(root, ".//u:WillWipeDisk") == ["true"]
    assert texts(root, ".//u:CreatePartition/u:Type") == ["EFI", "MSR", "Primary"]
    assert texts(root, ".//u:CreatePartition/u:Size") == ["260", "16"] and texts(root, ".//u:Extend") == ["true"]
    assert texts(root, ".//u:ModifyPartition/u:Format") == ["FAT32", "NTFS"]
    assert texts(root, ".//u:InstallTo/u:PartitionID") == ["3"] and texts(root, ".//u:Letter") == ["C"]


def test_no_key_and_nothing_turned_off() -> None:
    data = answer_file(LUKE).decode()
    assert "<Key>/IMAGE/NAME</Key>" in data and data.count("<Key>") == 1
    assert not [
        word for word in ("EnableLUA", "AutoLogon", "SkipMachineOOBE", "LabConfig", "--", "Defender") if word in data
    ]
    assert "<ProductKey>\n          <WillShowUI>OnError</WillShowUI>\n        </ProductKey>" in data


@pytest.mark.parametrize(
    ("os", "lacks", "expected"),
    [
        ("win11", {"tpm": False}, ["BypassTPMCheck"]),
        ("win11", {"secure_boot": False}, ["BypassSecureBootCheck"]),
        ("win11", {"tpm": False, "secure_boot": False}, ["BypassTPMCheck", "BypassSecureBootCheck"]),
        ("win10", {"tpm": False, "secure_boot": False}, []),
    ],
)
def test_what_the_machine_lacks_is_not_asked_for(os: str, lacks: dict[str, Any], expected: list[str]) -> None:
    """In the first commands of all: Setup looks before it comes to the disk."""
    root = parsed(replace(LUKE, os=os, **lacks))
    orders = texts(root, ".//u:settings[@pass='windowsPE']//u:RunSynchronousCommand/u:Order")
    paths = texts(root, ".//u:settings[@pass='windowsPE']//u:RunSynchronousCommand/u:Path")
    assert orders == [str(number) for number in range(1, 5 + len(expected))]
    assert [re.sub(r".*/v (\w+) .*", r"\1", each) for each in paths[: len(expected)]] == expected
    assert all("drvload" in each for each in paths[len(expected) :])


def test_passes_and_components() -> None:
    root = parsed(LUKE)
    found = {
        each.get("pass"): tuple(one.get("name", "").removeprefix("Microsoft-Windows-") for one in each) for each in root
    }
    assert root.tag == UNATTEND and found == PLACES
    assert all(len(text) <= 259 for text in texts(root, ".//u:RunSynchronousCommand/u:Path"))
    orders = [texts(each, "u:RunSynchronousCommand/u:Order") for each in root.iterfind(".//u:RunSynchronous", NS)]
    assert orders == [["1", "2", "3", "4"], ["1", "2", "3", "4", "5"]]
    added = [each.tag for each in root.iter() if each.get(ACTION) == "add"]
    assert sum(tag.endswith("LocalAccount") for tag in added) == 1


def test_time_zone_and_computer() -> None:
    plain, told = (
        parsed(LUKE),
        parsed(Wanted("win10", "a", "b", "de-DE", "de-CH", "hoth", "W. Europe Standard Time", "c")),
    )
    assert texts(plain, ".//u:TimeZone") == [] and texts(plain, ".//u:ComputerName") == ["*"]
    assert texts(told, ".//u:TimeZone") == ["W. Europe Standard Time"] and texts(told, ".//u:ComputerName") == ["hoth"]
    assert set(texts(told, ".//u:UILanguage")) == {"de-DE"} and set(texts(told, ".//u:InputLocale")) == {"de-CH"}


@given(password=SIGNS, user=SIGNS, edition=SIGNS)
def test_whatever_is_typed_is_in_it_as_it_is(password: str, user: str, edition: str) -> None:
    root = parsed(Wanted("win11", user, edition, "en-US", "en-US", "*", None, password))
    assert texts(root, ".//u:LocalAccount/u:Password/u:Value") == [password]
    assert texts(root, ".//u:LocalAccount/u:Name") == [user] and texts(root, ".//u:MetaData/u:Value") == [edition]
    tags = [each.tag for each in parsed(LUKE).iter()]
    assert [each.tag for each in root.iter()] == tags, "what is typed makes no element"


def test_the_password_is_in_no_representation() -> None:
    assert "secret" not in repr(LUKE) and "secret" not in str(LUKE)


def test_no_line_of_the_script_ends_in_a_handle() -> None:
    """cmd takes a digit before `>` that stands alone for a handle's number, and the line goes elsewhere."""
    told = [each for each in texts(parsed(LUKE), ".//u:Path") if "SetupComplete.cmd" in each]
    assert len(told) == 4 and not [each for each in told if re.search(r"(?:^|\s)\d>", each)]
    assert [each.partition("SetupComplete.cmd echo ")[2] for each in told][1:] == [
        "powercfg /h off", "powercfg /x standby-timeout-ac 0", "powercfg /x monitor-timeout-ac 0",
    ]  # fmt: skip


# --- words


@pytest.mark.parametrize("name", ["luke", "Luke Skywalker", "x" * 20, "Grüße", "a&b'"])
def test_users(name: str) -> None:
    assert words.check_user(name) == name


@pytest.mark.parametrize(
    "name",
    ["", " ", "x" * 21, "a/b", "a\\b", "a@b", "Administrator", "guest", "a\n", "a.", " a", "a\u200b", "...", "%a%"],
)
def test_no_users(name: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        words.check_user(name)
    assert caught.value.problems[0].id == "usage.user"


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "x" * 16, "12345", "luke", "LUKE", "ä"])
def test_no_computers(name: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        words.check_computer(name, "luke")
    assert caught.value.problems[0].id == "usage.computer"


@pytest.mark.parametrize("password", ["", "a\nb", "a\0", "\ud800", "x" * 128, "\ufffe"])
def test_no_passwords(password: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        words.check_password(password)
    found = caught.value.problems[0]
    assert found.id == "usage.password" and (not password or password not in "".join(found))


@pytest.mark.parametrize("text", ["", "en", "EN-us", "en-US\n", "deutsch", "00000407"])
def test_no_languages(text: str) -> None:
    with pytest.raises(WrongUsage):
        words.check_language(text, "--keyboard", words.KEYBOARD)


def test_keyboards() -> None:
    assert words.check_language("0407:00000407", "--keyboard", words.KEYBOARD) == "0407:00000407"
    assert words.check_text("Windows 11 Pro N", "--edition") == "Windows 11 Pro N"
    for text in ("", " a", "a\t", "x" * 101):
        with pytest.raises(WrongUsage):
            words.check_text(text, "--edition")
