"""Imports the application, for processes that are forked from the importing process.

The imported objects are excluded from garbage collection, so that each fork need not examine them.
"""

import gc

import app.cli.command_line  # noqa: F401

gc.collect()
gc.freeze()
