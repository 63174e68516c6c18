"""`vdesk answer-file`: the answers for an unattended installation of Windows."""

from __future__ import annotations

from typing import Any

import click

from vdesk.cli import completing
from vdesk.cli.options import Settings, command, settings_of
from vdesk.cli.spoken import asked
from vdesk.model.errors import WrongUsage, problem
from vdesk.model.report import Report


@command("answer-file")
@click.argument("file", metavar="FILE", shell_complete=completing.files)
@click.option("--os", type=click.Choice(["win10", "win11"]), default="win11", help="The Windows; win11 unless given.")
@click.option("--user", metavar="NAME", required=True, help="The local account, an administrator.")
@click.option(
    "--password-file",
    metavar="FILE",
    shell_complete=completing.files,
    help="Its password; else it is asked for. Only its owner may read it.",
)
@click.option("--edition", metavar="NAME", help="As the disc names it; Windows 11 Pro (10 Pro) unless given.")
@click.option("--language", metavar="TAG", default="en-US", help="The disc's language; en-US unless given.")
@click.option("--keyboard", metavar="TAG", help="For example de-DE; as the language unless given.")
@click.option("--computer", metavar="NAME", default="*", help="The computer's name; Windows makes one up.")
@click.option("--time-zone", metavar="NAME", help='As Windows names it: "W. Europe Standard Time".')
@click.option("--no-tpm", is_flag=True, help="The machine has no TPM: the Setup of Windows 11 does not ask for one.")
@click.option("--no-secure-boot", is_flag=True, help="The same for Secure Boot.")
@click.pass_context
def answer_file(ctx: click.Context, /, file: str, password_file: str | None, **words: Any) -> Report:
    """Write an autounattend.xml for vdesk create --unattended: VirtIO drivers from any letter, GPT, a local account.

    The password is asked for, and stands in the file, which only its owner may read. No product key. A file that is
    there is never written over."""
    from vdesk.changes.actions import act
    from vdesk.plans import answer_file as plans

    settings = settings_of(ctx)
    host = settings.host()
    path, wanted = plans.check(host, plans.Request(file, **words))
    password = None
    if password_file is not None:
        password = plans.password_in(host, password_file)
    elif not settings.given.get("dry_run"):
        password = _ask(settings, wanted.user)
    return act(plans.write(host, path, wanted, password), host, settings.mode())


def _ask(settings: Settings, user: str) -> str:
    if not settings.terminal:
        raise WrongUsage(
            problem(
                "usage.password",
                "there is no terminal to ask for the password on",
                "a password on the command line is seen by every user of this machine",
                "give it with --password-file FILE, a file that only you may read",
            )
        )
    question = settings.words(f"Password for {user} in Windows")
    return asked(question, hide_input=True, confirmation_prompt=True)
