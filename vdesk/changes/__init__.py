"""The kinds of change, the executor, the journal, undo."""
