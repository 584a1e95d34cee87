"""Tests the page's JavaScript modules without a browser."""
