"""The collection as files: clean for ansible-lint, true to vdesk's own options, documented where it is declared."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import yaml

import vdesk
from tests.ansible.playing import MODULE, ROLE, SOURCE, Controller
from vdesk.cli import main

pytestmark = pytest.mark.timeout(400)


def loaded(name: str) -> Any:
    """Return what a YAML file of the collection says."""
    return yaml.safe_load((SOURCE / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def command() -> ModuleType:
    """Return the module's own functions."""
    spec = importlib.util.spec_from_file_location("command", SOURCE / "plugins/modules/command.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(group: click.Group) -> Iterator[click.Command]:
    """Yield every command of vdesk."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from leaves(found)
        elif found:
            yield found


def test_lint(controller: Controller, tmp_path: Path) -> None:
    controller.run("yamllint", "--strict", "--config-file", SOURCE / ".yamllint", SOURCE)
    controller.settings = {"XDG_CACHE_HOME": str(tmp_path)}
    config = SOURCE / ".ansible-lint"
    controller.run("ansible-lint", "--strict", "--config-file", config, "--project-dir", SOURCE, SOURCE)


def test_version() -> None:
    assert loaded("galaxy.yml")["version"] == vdesk.__version__


def test_what_is_installed(controller: Controller) -> None:
    """Ansible's own reader takes the documentation of both; nothing of the checkout's tools is carried along."""
    assert "vdesk COMMAND --json" in controller.run("ansible-doc", MODULE).stdout
    assert "vdesk_reboot_timeout" in controller.run("ansible-doc", "--type", "role", ROLE).stdout
    assert not list(controller.installed.rglob(".*"))


def test_defaults_are_the_documented_ones() -> None:
    options = loaded("roles/vdesk/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    assert loaded("roles/vdesk/defaults/main.yml") == {name: option["default"] for name, option in options.items()}


def test_arguments_are_the_documented_ones(command: ModuleType) -> None:
    told = yaml.safe_load(command.DOCUMENTATION)["options"]
    for option in told.values():
        del option["description"]
    assert told == command.ARGUMENTS


def test_two_sided_options(command: ModuleType) -> None:
    """An option with a --no- form is known; another one's `false` is left out."""
    found: dict[str | None, set[str]] = {}
    for each in leaves(main):
        second = {name for option in each.params for name in option.secondary_opts if name.startswith("--no-")}
        if second:
            found[each.name] = {name.removeprefix("--no-") for name in second}
    assert found == command.TWO_SIDED
    assert list(command.words("bind", {"boot": False})) == [], "bind has no --no-boot"
    assert list(command.words("setup", {"boot": False})) == ["--no-boot"]
    options = {"tpm": False, "pin": False, "secure_boot": True, "force": ["a", "b"], "rom": "", "cpus": 4}
    line = command.words("create", options)
    assert list(line) == ["--no-tpm", "--secure-boot", "--force=a", "--force=b", "--cpus=4"]


@pytest.mark.parametrize(
    ("code", "states", "changed"),
    [
        (0, ["done"], True),
        (0, ["planned"], True),
        (0, ["undone"], True),
        (0, ["skipped"], False),
        (0, [], False),
        (1, ["undone", "failed"], False),
        (3, [], False),
        (5, ["undone", "failed"], True),
    ],
)
def test_changed(command: ModuleType, code: int, states: list[str], changed: bool) -> None:
    """As the contract has it: 1 has put everything back, 5 has not, `undo` is a change, what was not run is none."""
    assert bool(command.counted({"exit_code": code, "changes": [{"state": state} for state in states]})) is changed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"vdesk": 2}', "Traceback"])
def test_another_answer(command: ModuleType, text: str) -> None:
    assert command.parsed(text) is None


def test_the_readme_has_the_example() -> None:
    assert (SOURCE / "playbooks/site.yml").read_text().removeprefix("---\n") in (SOURCE / "README.md").read_text()
