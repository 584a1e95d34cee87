"""Tests of app.controllers."""
