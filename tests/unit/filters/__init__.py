"""Tests of app/filters/."""
