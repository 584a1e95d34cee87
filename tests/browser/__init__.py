"""Tests of the demo page in a real Chromium."""
