"""Kernels that misbehave, and small pieces of sysfs to try them on."""
