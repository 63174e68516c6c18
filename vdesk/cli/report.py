"""`vdesk report`: one page for whoever helps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vdesk.cli import completing
from vdesk.cli.options import Settings, command, settings_of
from vdesk.model.report import Report

if TYPE_CHECKING:
    from vdesk.host import Host


@command("report")
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    default="vdesk-report.html",
    show_default=True,
    type=click.Path(dir_okay=False, resolve_path=True, allow_dash=True),
    shell_complete=completing.files,
    help="The page to write; - prints it.",
)
@click.pass_context
def report(ctx: click.Context, target: str) -> Report | int:
    """Write one page that shows this machine to whoever helps: what is missing, the devices and their IOMMU groups as a
    picture, the displays, the processor, the virtual machines, the kernel's messages.

    The page needs no network, and holds no names of people or of the machine, no serial numbers, no MAC or IP
    addresses. Changes nothing; as a normal user what only root may read is missing."""
    from vdesk.plans.report import Looks, make
    from vdesk.render.page import page

    settings = settings_of(ctx)
    made = make(
        settings.host(),
        target,
        Looks(_check, _groups, _doctor),
        lambda facts: page(facts, settings.language, settings.output().root),
        dry_run=bool(settings.given.get("dry_run")),
    )
    return printed(made, settings)


def printed(made: Report, settings: Settings) -> Report | int:
    """The report; without --json the page itself where it goes to stdout, and the exit code."""
    if settings.json or "page" not in made.data:
        return made
    click.echo(made.data["page"], nl=False)
    return made.exit_code


def _check(host: Host) -> Report:
    from vdesk.checks import check

    return check(host)


def _groups(host: Host) -> Report:
    from vdesk.checks.groups import groups

    return groups(host)


def _doctor(host: Host, name: str) -> Report:
    from vdesk.checks.doctor import doctor

    return doctor(host, name, ())
