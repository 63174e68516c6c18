"""`vdesk create` and the life of a virtual machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from vdesk.cli import completing
from vdesk.cli.connecting import CONNECT
from vdesk.cli.options import Settings, changing, command, settings_of
from vdesk.cli.spoken import asked, say
from vdesk.model.errors import FAILED, INTERRUPTED, NOT_READY, VdeskError
from vdesk.model.report import Report, from_error


@command("create")
@click.argument("name")
@click.option("--iso", metavar="FILE", shell_complete=completing.files, required=True, help="The installation disc.")
@click.option("--os", type=click.Choice(["win10", "win11", "linux"]), help="The guest; else the disc tells.")
@click.option(
    "--gpu",
    metavar="ADDR|auto|none",
    default="auto",
    shell_complete=completing.cards_or_none,
    help="The card; auto is the one that the desktop does not use.",
)
@click.option(
    "--device",
    "devices",
    metavar="ADDR",
    multiple=True,
    shell_complete=completing.movable,
    help="Another PCI device.",
)
@click.option("--usb", metavar="VID:PID", multiple=True, help="A USB device by its ids.")
@click.option("--cpus", metavar="N", type=int, help="vCPUs; else the physical cores but two.")
@click.option("--memory", metavar="SIZE", help="For example 16GiB; else half of the host's, 4 to 16 GiB.")
@click.option(
    "--disk",
    metavar="SIZE|PATH|VG/LV:SIZE",
    shell_complete=completing.files,
    help="A new disk's or volume's size, or an existing one.",
)
@click.option("--disk-format", type=click.Choice(["raw", "qcow2"]), help="Of a new disk; raw unless given.")
@click.option(
    "--virtio-iso",
    metavar="FILE",
    shell_complete=completing.files,
    help="The disc with the VirtIO drivers for Windows; else it is looked for.",
)
@click.option("--machine", type=click.Choice(["q35", "i440fx"]), default="q35", help="The chipset.")
@click.option(
    "--network",
    metavar="NAME",
    default="default",
    shell_complete=completing.networks,
    help="A network of libvirt's.",
)
@click.option("--tpm/--no-tpm", default=None, help="A TPM 2.0; Windows 11 gets one.")
@click.option(
    "--secure-boot/--no-secure-boot", default=None, help="Secure Boot with enrolled keys; Windows 11 gets it."
)
@click.option("--rom", metavar="FILE", shell_complete=completing.files, help="The card's ROM from a file.")
@click.option("--pin", is_flag=True, help="Each vCPU on a CPU of its own, whole cores, two left to the host.")
@click.option("--hugepages", is_flag=True, help="Memory in huge pages.")
@click.option("--looking-glass", metavar="WxH", help="Shared memory for Looking Glass at this resolution.")
@click.option("--evdev", is_flag=True, help="Share every keyboard and mouse; both Ctrl keys switch.")
@click.option(
    "--unattended",
    metavar="FILE",
    shell_complete=completing.files,
    help="A finished autounattend.xml, put on a disc of its own.",
)
@click.option("--single-gpu", is_flag=True, help="Give it the only card: the desktop ends while it runs.")
@completing.FORCE
@click.option("--print-xml", is_flag=True, help="Print the definition and change nothing.")
@click.option("--start", "start_it", is_flag=True, help="Start the machine, too.")
@CONNECT
@click.pass_context
def create(ctx: click.Context, /, print_xml: bool, start_it: bool, connect: str | None, **words: Any) -> Report | int:
    """Define a virtual machine with the graphics card in it: make its disk, define it, start nothing unless asked.

    Sizes are a number and a unit: M, G, T or MiB, GiB, TiB (powers of two)."""
    from vdesk.model.address import parse_address
    from vdesk.vm.spec import Request

    words["devices"] = tuple(parse_address(text) for text in words["devices"])
    request = Request(**words)
    settings = settings_of(ctx)
    if print_xml:
        return _print_xml(settings, request, connect)
    from vdesk.plans import vm as plans

    dry = bool(settings.given.get("dry_run"))
    choose = None if settings.json else _chooser(settings)
    report = changing(ctx, lambda host: plans.create(host, request, connect, choose, dry_run=dry))
    if settings.given.get("yes") and not dry:
        report.notes[:0] = report.data.get("warnings", [])  # nobody was asked, so nobody has seen them
    if start_it and not report.exit_code:
        return _then_start(settings, request, connect, report)
    return report


def _print_xml(settings: Settings, request: Any, uri: str | None) -> Report | int:
    """The definition alone on stdout; what there is to say, and to ask, goes to stderr. Nothing is changed."""
    from vdesk.plans import vm as plans

    choose = None if settings.json else _chooser(settings)
    plan = plans.create(settings.host(), request, uri, choose, dry_run=True)
    if settings.json:
        return Report("create", data=plan.data)
    for note in plan.intro:
        say(settings.words(note))
    click.echo(plan.data["xml"], nl=False)
    return 0


def _chooser(settings: Settings) -> Any:
    """Asks on a terminal which of several things is meant, an address in any of its spellings; None without one, or
    where --yes forbids to ask."""
    if not settings.terminal or settings.given.get("yes"):
        return None

    from vdesk.model.address import find_address

    def choose(question: str, answers: Sequence[tuple[str, str]]) -> str | None:
        rows = [*answers, ("none", "a machine without a card")]
        for answer, about in rows:
            say(f"  {answer}  {settings.words(about)}")
        kind = click.Choice([answer for answer, _ in rows])

        def meant(text: str) -> str:
            return str(kind.convert(str(find_address(text.strip()) or text.strip()), None, None))

        return asked(settings.words(question), type=kind, value_proc=meant)

    return choose


def _then_start(settings: Settings, request: Any, uri: str | None, created: Report) -> Report:
    """Start what was just created; one report of both. A dry run plans it, a captured machine skips it."""
    from vdesk.changes.actions import act
    from vdesk.model.report import PLANNED, SKIPPED, ChangeView
    from vdesk.plans.vm_life import start
    from vdesk.plans.vm_look import open_libvirt

    host, name = settings.host(), request.name
    dry = bool(settings.given.get("dry_run"))
    if dry or (uri is None and not host.is_live):
        created.changes.append(ChangeView("start", name, f"start {name}", state=PLANNED if dry else SKIPPED))
        return created
    try:
        started = act(start(host, open_libvirt(host, uri), name, request.force), host, settings.mode())
    except VdeskError as error:
        started = from_error("create", error)
    created.changes += started.changes
    created.errors += started.errors
    said = started.notes
    created.notes = [note for note in created.notes if "vdesk start" not in note and note not in said] + said
    created.exit_code = started.exit_code
    if started.exit_code in (FAILED, NOT_READY):
        _take_away(settings, created)
    return created


def _take_away(settings: Settings, created: Report) -> None:
    """What could not be started is not kept: exit codes 1 and 3 promise that the machine is as it was."""
    from vdesk.changes.undoing import entries, take_all_back

    host = settings.host()
    back = take_all_back(host, entries(host)[-1:], settings.mode(), "create")
    created.changes += back.changes
    created.errors += back.errors
    created.data, created.exit_code = {}, back.exit_code or FAILED
    created.notes = ["It could not be started, so its disk and its definition were taken away again.", *back.notes]


@command("list")
@CONNECT
@click.pass_context
def list_(ctx: click.Context, connect: str | None) -> Report:
    """The virtual machines: state, devices, and who has them."""
    from vdesk.plans import vm_look as life

    host = settings_of(ctx).host()
    return Report("list", data={"machines": life.machines(host, life.open_libvirt(host, connect))})


@command("show")
@completing.NAME
@click.option("--cpus", is_flag=True, help="Show which vCPU is on which core too.")
@CONNECT
@click.pass_context
def show(ctx: click.Context, name: str, cpus: bool, connect: str | None) -> Report:
    """One virtual machine, in words."""
    from vdesk.plans import vm_look as life

    host = settings_of(ctx).host()
    libvirt = life.open_libvirt(host, connect)
    report = Report("show", data=life.show(host, libvirt, name))
    if cpus:
        report.data["cpu_map"] = life.cpu_map(host, libvirt, name)
    return report


@command("start")
@completing.NAME
@completing.FORCE
@CONNECT
@click.pass_context
def start(ctx: click.Context, name: str, force: tuple[str, ...], connect: str | None) -> Report:
    """Start a virtual machine, its networks first. Looks before whether its devices, memory and files are there.

    The first start of an installation answers "Press any key to boot from CD", and begins again, once, where the
    firmware found nothing to start."""
    from vdesk.changes.actions import act
    from vdesk.plans import vm_life as life
    from vdesk.plans.vm_look import open_libvirt

    settings = settings_of(ctx)
    host = settings.host()
    return act(life.start(host, open_libvirt(host, connect), name, force), host, settings.mode())


@command("stop")
@completing.NAME
@click.option("--force", is_flag=True, help="Take the power away; what the guest has not written is lost.")
@click.option(
    "--wait", metavar="SECONDS", type=click.IntRange(1, 3600), default=120, help="How long to wait; 120 unless given."
)
@click.option("--installed", is_flag=True, help="Windows is installed: remove the answers for its Setup too.")
@CONNECT
@click.pass_context
def stop(ctx: click.Context, name: str, force: bool, wait: int, installed: bool, connect: str | None) -> Report:
    """Shut a virtual machine down: by its guest agent, else by its power button, and wait until it is off.

    After an unattended installation its discs leave their drives, and the answers go: by itself where the guest's agent
    answers, else with --installed, also of a machine that is off already.

    Where it does not go off, you are asked whether to take its power away; without a terminal it stays on."""
    from vdesk.changes.actions import act
    from vdesk.plans import vm_life as life
    from vdesk.plans.vm_look import open_libvirt

    settings = settings_of(ctx)
    host, mode = settings.host(), settings.mode()
    libvirt = open_libvirt(host, connect)
    report = act(life.stop(host, libvirt, name, force=force, installed=installed, seconds=float(wait)), host, mode)
    if not life.still_running(report) or mode.ask is None or mode.yes:
        return report
    forced = act(life.stop(host, libvirt, name, force=True, installed=installed), host, mode)
    return report if forced.exit_code == INTERRUPTED else forced


@command("delete")
@completing.NAME
@click.option("--disks", is_flag=True, help="Remove its image files too. This cannot be taken back.")
@CONNECT
@click.pass_context
def delete(ctx: click.Context, name: str, disks: bool, connect: str | None) -> Report:
    """Delete a virtual machine that vdesk made: its definition, NVRAM and TPM state, and the disc with the answers for
    Windows Setup, which holds a password."""
    from vdesk.plans.vm_delete import delete as plan
    from vdesk.plans.vm_look import open_libvirt

    return changing(ctx, lambda host: plan(host, open_libvirt(host, connect), name, disks=disks))


@command("attach")
@completing.NAME
@completing.ADDRESS
@completing.FORCE
@CONNECT
@click.pass_context
def attach(ctx: click.Context, name: str, address: str, force: tuple[str, ...], connect: str | None) -> Report:
    """Give a PCI device to a virtual machine: to its definition, and at once when it runs."""
    from vdesk.model.address import parse_address
    from vdesk.plans import vm_attach
    from vdesk.plans.vm_look import open_libvirt

    place = parse_address(address)
    return changing(ctx, lambda host: vm_attach.attach(host, open_libvirt(host, connect), name, place, force))


@command("detach")
@completing.NAME
@completing.ADDRESS
@CONNECT
@click.pass_context
def detach(ctx: click.Context, name: str, address: str, connect: str | None) -> Report:
    """Take a PCI device from a virtual machine."""
    from vdesk.model.address import parse_address
    from vdesk.plans import vm_attach
    from vdesk.plans.vm_look import open_libvirt

    place = parse_address(address)
    return changing(ctx, lambda host: vm_attach.detach(open_libvirt(host, connect), name, place))
