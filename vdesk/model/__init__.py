"""Plain data, no input or output: addresses, kernel arguments, findings, changes, errors."""
