"""The program that binds devices at boot: one file on the host, which imports nothing of vdesk but its own."""
