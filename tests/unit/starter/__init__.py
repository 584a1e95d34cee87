"""Tests of app.starter."""
