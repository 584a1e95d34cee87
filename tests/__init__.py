"""All the tests."""
