"""Unit tests: one module of tests for each module of app/, at the same relative path."""
