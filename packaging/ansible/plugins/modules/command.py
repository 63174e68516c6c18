#!/usr/bin/python
# SPDX-License-Identifier: MIT
"""Ansible's module for one vdesk command: `vdesk --json`, and what it says as Ansible's changed, diff and failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: command
short_description: Run one vdesk command
description:
  - Runs C(vdesk COMMAND --json --yes) on the host, and reads the one JSON document that it prints.
  - Changed is what the document says of its changes; a second run of the same command changes nothing.
  - In check mode the command gets C(--dry-run) in place of C(--yes), so changed is what it would change.
  - With C(--diff) every file is shown as a unified diff, and every other change as one line.
options:
  command:
    description: The command, for example V(iommu enable), V(bind) or V(check).
    type: str
    required: true
  options:
    description:
      - The options of the command by their long names without the dashes; C(_) may stand for C(-).
      - V(true) gives the option, V(false) its C(--no-) form where it has one and else nothing, a list gives it once per
        item, and an empty value gives nothing.
      - Write PCI addresses in quotes. YAML reads 01:00.0 as the number 60.
    type: dict
    default: {}
  arguments:
    description: The arguments of the command, for example PCI addresses or the name of a virtual machine.
    type: list
    elements: str
    default: []
  accept_not_ready:
    description: Whether a host that is not ready (C(vdesk check), exit code 3, no refusal) is a result and no failure.
    type: bool
    default: false
  executable:
    description: The program; a path, or a name that is looked for in PATH.
    type: str
    default: vdesk
attributes:
  check_mode:
    description: The command gets C(--dry-run).
    support: full
  diff_mode:
    description: Every change of the plan is shown.
    support: full
  platform:
    description: Linux with vdesk.
    support: full
    platforms: linux
requirements:
  - vdesk on the host
author:
  - The vdesk authors (@vdesk)
"""

EXAMPLES = r"""
- name: Turn the IOMMU on
  vdesk.passthrough.command:
    command: iommu enable
    options:
      pt: true
  become: true

- name: Keep the card for virtual machines
  vdesk.passthrough.command:
    command: bind
    options:
      boot: true
    arguments:
      - "01:00.0"
  become: true

- name: Look whether the host is ready
  vdesk.passthrough.command:
    command: check
    accept_not_ready: true
  register: host
"""

RETURN = r"""
cmd:
  description: What was run.
  returned: always
  type: list
  elements: str
exit_code:
  description: The exit code of vdesk.
  returned: when vdesk was run
  type: int
status:
  description: V(ok), V(failed), V(refused) or V(not-ready).
  returned: when vdesk answered
  type: str
data:
  description: The result of the command; its keys are those of vdesk's JSON schema.
  returned: when vdesk answered
  type: dict
findings:
  description: What C(vdesk check) found, each with id, level, title, cause, remedy and evidence.
  returned: when vdesk answered
  type: list
  elements: dict
changes:
  description: Each change with kind, target, summary, diff and state.
  returned: when vdesk answered
  type: list
  elements: dict
errors:
  description: Each error with id, what, cause and remedy; the id V(ansible.no-vdesk) is a host without vdesk.
  returned: always
  type: list
  elements: dict
"""

ARGUMENTS = {
    "command": {"type": "str", "required": True},
    "options": {"type": "dict", "default": {}},
    "arguments": {"type": "list", "elements": "str", "default": []},
    "accept_not_ready": {"type": "bool", "default": False},
    "executable": {"type": "str", "default": "vdesk"},
}
FORMAT = 1
OK = 0
NOT_READY = 3
NEEDS_ROOT = 4
LEFT_OVER = 5
# Options with a --no- form, by command: `bind` has --boot alone.
TWO_SIDED = {"create": {"tpm", "secure-boot"}, "setup": {"boot", "reboot"}}
# `undo` says undone of what it did; where another command says it, the exit code tells that all is as it was.
COUNTED = {"planned", "done", "undone", "failed"}
# Messages in a playbook's log are the same on every host.
LOCALE = {"LC_ALL": "C.UTF-8", "LANGUAGE": ""}
NO_VDESK = "ansible.no-vdesk"
Document = dict[str, Any]


def words(command: str, options: dict[str, Any]) -> Iterator[str]:
    """Yield the options as words of the command's line; ValueError for a value that YAML has misread."""
    two_sided = TWO_SIDED.get(" ".join(command.split()), set())
    for key, value in options.items():
        name = key.replace("_", "-")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, float):
                raise ValueError(f"{key}: YAML has read this as the number {each}; write it in quotes")
            if each is True:
                yield f"--{name}"
            elif each is False and name in two_sided:
                yield f"--no-{name}"
            elif each is not False and each is not None and each != "":
                yield f"--{name}={each}"


def command_line(program: str, parameters: dict[str, Any], check: bool) -> list[str]:
    """Return the whole command line; no argument can be taken for an option."""
    given = parameters["arguments"]
    end = ["--", *given] if given else []
    mode = "--dry-run" if check else "--yes"
    options = words(parameters["command"], parameters["options"])
    return [program, "--json", mode, *parameters["command"].split(), *options, *end]


def parsed(text: str) -> Document | None:
    """Return vdesk's document, or None where the text is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("vdesk") == FORMAT else None


def counted(document: Document) -> list[Document]:
    """Return the changes that were made, or would be; none where a failure has put everything back."""
    if document["exit_code"] not in (OK, LEFT_OVER):
        return []
    return [change for change in document["changes"] if change["state"] in COUNTED]


def differences(changes: list[Document]) -> list[dict[str, str]]:
    """Return the changes as Ansible shows them with --diff."""
    return [{"prepared": f"{each['summary']}\n{each['diff'].rstrip()}".rstrip() + "\n"} for each in changes]


def failed(document: Document, accept_not_ready: bool) -> bool:
    """Tell whether the task fails."""
    code = document["exit_code"]
    return code != OK and not (code == NOT_READY and document["status"] == "not-ready" and accept_not_ready)


def sentence(what: str, cause: str, remedy: str) -> str:
    """Return what happened, why and what helps as one line."""
    return f"{what}: {cause}. Remedy: {remedy}" if cause else f"{what}. Remedy: {remedy}"


def message(document: Document) -> str:
    """Return what happened, why and what helps, a line for each error, or for each finding that fails."""
    told = [(each["what"], each["cause"], each["remedy"]) for each in document["errors"]]
    if not told:
        failing = [each for each in document["findings"] if each["level"] == "fail"]
        told = [(each["title"], each["cause"], each["remedy"]) for each in failing]
    lines = [sentence(*parts) for parts in told]
    if document["exit_code"] == NEEDS_ROOT:
        lines.append("In a playbook that is: become: true")
    return "\n".join(lines) or f"vdesk ended with exit code {document['exit_code']}"


def answer(module: AnsibleModule, argv: list[str]) -> Document:
    """Run vdesk and return its document; fails the task where there is none."""
    code, out, err = module.run_command(argv, environ_update=LOCALE, expand_user_and_vars=False)
    document = parsed(out)
    if document is not None:
        return document
    said = (err.strip() or out.strip())[-2000:] or "nothing"
    told = f"{argv[0]} did not answer in its JSON, exit code {code}. It said: {said}"
    return dict(module.fail_json(msg=told, cmd=argv, exit_code=code, errors=[]))  # fail_json does not return


def no_vdesk(module: AnsibleModule, program: str) -> None:
    """Fail the task: the host has no vdesk."""
    error = {
        "id": NO_VDESK,
        "what": f"there is no {program} on this host",
        "cause": "the package is not installed, or lies outside of PATH",
        "remedy": "install it first; the role does with vdesk_deb",
    }
    module.fail_json(msg=sentence(error["what"], error["cause"], error["remedy"]), cmd=[program], errors=[error])


def main() -> None:
    """Run the command and tell Ansible."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    program = module.get_bin_path(module.params["executable"])
    if program is None:
        no_vdesk(module, module.params["executable"])
    try:
        argv = command_line(program, module.params, module.check_mode)
    except ValueError as error:
        module.fail_json(msg=str(error), cmd=[], errors=[])
    document = answer(module, argv)
    changes = counted(document)
    result = {key: document[key] for key in ("status", "data", "findings", "changes", "errors")}
    result |= {"cmd": argv, "exit_code": document["exit_code"], "changed": bool(changes)}
    if module._diff and changes:
        result["diff"] = differences(changes)
    for warning in document["data"].get("warnings", []):
        module.warn(str(warning))
    if failed(document, module.params["accept_not_ready"]):
        module.fail_json(msg=message(document), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
