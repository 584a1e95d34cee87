"""Tests the parts of the bench that need no compiler, no Node.js and no server."""
