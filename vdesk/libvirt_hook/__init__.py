"""The hook as `vdesk hook install` installs it: one self-contained file that imports nothing of vdesk."""
