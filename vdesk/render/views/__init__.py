"""How the result of each command looks as text; a command without a view shows its changes and notes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vdesk.model.report import Report
from vdesk.render import Output

if TYPE_CHECKING:
    from vdesk.render.text import Writer

View = Callable[["Writer", Report, Output], None]
VIEWS = {
    "check": "vdesk.render.views.check:check",
    "iommu groups": "vdesk.render.views.groups:groups",
    "iommu status": "vdesk.render.views.iommu:status",
    "bind": "vdesk.render.views.devices:devices",
    "unbind": "vdesk.render.views.devices:devices",
    "gpu list": "vdesk.render.views.gpu:list_",
    "gpu query": "vdesk.render.views.gpu:query",
    "gpu rom": "vdesk.render.views.gpu:rom",
    "hook status": "vdesk.render.views.hook:status",
    "hook check": "vdesk.render.views.hook:check",
    "history": "vdesk.render.views.history:history",
    "setup": "vdesk.render.views.setup:setup",
    "create": "vdesk.render.views.vm:create",
    "list": "vdesk.render.views.vm:list_",
    "show": "vdesk.render.views.vm:show",
    "doctor": "vdesk.render.views.doctor:doctor",
}


def view_of(command: str | None) -> View | None:
    """The view of a command, imported now; None when it has none."""
    place = VIEWS.get(command or "")
    if place is None:
        return None
    import importlib

    module, _, name = place.partition(":")
    found: View = getattr(importlib.import_module(module), name)
    return found
