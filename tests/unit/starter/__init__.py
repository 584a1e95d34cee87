"""Tests of app.cli.starter."""
