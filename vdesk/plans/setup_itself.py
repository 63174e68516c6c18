"""What setup chooses where nobody is asked."""

from __future__ import annotations

from vdesk.changes.choices import WITHOUT
from vdesk.plans import setup_card, setup_media
from vdesk.plans.setup_steps import Scene, Step
from vdesk.plans.setup_vm import usual_name


def by_itself(scene: Scene, step: Step) -> bool:
    """Choose as recommended what nobody has said; a disc has to be named, but for a plan that is only shown; that of
    --yes is what --yes does. Never another thing than the one that was said."""
    choices = scene.choices
    if step.choose == "gpu" and choices.gpu is None:
        free = [each for each in setup_card.options(scene.host) if not each.busy]
        if len(free) != 1 or free[0].doubt:
            step.command = step.command if len(free) == 1 else "vdesk setup --gpu ADDR"
            return False
        choices.gpu = free[0].address
    elif step.choose == "boot":
        choices.boot = bool(setup_card.unsteady(scene.host, choices.gpu))
    elif step.choose == "name" and choices.name is None:
        choices.name = usual_name(scene)
    elif step.choose == "iso" and choices.iso is None and scene.assumes and setup_media.installers(scene.host):
        choices.iso = setup_media.installers(scene.host)[0]
    elif step.choose == "virtio_iso" and choices.virtio_iso is None:
        choices.virtio_iso = WITHOUT
    else:
        return False
    scene.unsaid.add(step.choose)
    return True
