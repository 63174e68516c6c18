"""The one door to the machine: files, sysfs, commands; and readers over it."""

from vdesk.host.host import Host as Host
from vdesk.host.host import captured as captured
from vdesk.host.host import this_machine as this_machine
