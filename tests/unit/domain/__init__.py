"""Tests of app/domain/."""
