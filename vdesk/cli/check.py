"""`vdesk check` and `vdesk groups`: looking."""

from __future__ import annotations

import click

from vdesk.cli import completing
from vdesk.cli.options import Settings, command, settings_of
from vdesk.model.address import parse_address
from vdesk.model.report import Report


@command("check")
@click.argument("addresses", metavar="[ADDR]...", nargs=-1, shell_complete=completing.cards)
@click.pass_context
def check(ctx: click.Context, addresses: tuple[str, ...]) -> Report:
    """Is this machine ready for passthrough, and if not, what exactly to do.

    Reads only, and works as a normal user: what it may not read is unknown, never a guess. With ADDR, only those
    devices.
    Exit code 0 when nothing fails, 3 otherwise."""
    from vdesk.changes.recovery import interrupted
    from vdesk.checks import check as run_checks

    host = settings_of(ctx).host()
    report = run_checks(host, tuple(parse_address(text) for text in addresses))
    for entry in interrupted(host):
        report.notes.append(
            f"An interrupted change waits to be taken back: entry {entry.id} ({entry.command}). Run: sudo vdesk undo"
        )
    return report


@command("groups")
@click.option("--gpu", is_flag=True, help="Only groups with a graphics card.")
@click.option("--usb", is_flag=True, help="Only groups with a USB controller.")
@click.option("--audio", is_flag=True, help="Only groups with an audio device.")
@click.option("--net", is_flag=True, help="Only groups with a network card.")
@click.option("--storage", is_flag=True, help="Only groups with a disk or its controller.")
@click.option(
    "--svg",
    metavar="FILE",
    type=click.Path(dir_okay=False, resolve_path=True, allow_dash=True),
    shell_complete=completing.files,
    help="Draw them, and the devices as a tree, into FILE (SVG); - prints it.",
)
@click.argument("address", metavar="[ADDR]", required=False, shell_complete=completing.every)
@click.pass_context
def groups(ctx: click.Context, /, address: str | None, svg: str | None, **kinds: bool) -> Report | int:
    """The IOMMU groups: what is in each, and whether it can be handed over.

    A group goes to a virtual machine as a whole. Bridges in it do not count; a device that this machine itself needs
    blocks
    it, and is named."""
    from vdesk.checks.groups import groups as list_groups

    wanted = frozenset(kind for kind, asked in kinds.items() if asked)
    place = parse_address(address) if address is not None else None
    settings = settings_of(ctx)
    report = list_groups(settings.host(), kinds=wanted, address=place)
    return report if svg is None else _drawn(settings, report, svg)


def _drawn(settings: Settings, report: Report, target: str) -> Report | int:
    from vdesk.cli.report import printed
    from vdesk.plans.report import picture
    from vdesk.render.page import svg

    picture(
        settings.host(),
        target,
        report,
        lambda facts: svg(facts, settings.language, settings.output().root),
        dry_run=bool(settings.given.get("dry_run")),
    )
    return printed(report, settings)
