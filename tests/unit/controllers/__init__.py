"""Tests of app/controllers/."""
