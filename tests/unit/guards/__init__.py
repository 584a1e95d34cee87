"""Tests of app/guards/."""
