"""Tests that compare the documentation with the code, and run its examples."""
