"""What is particular to one adapter; what all owe is in tests/contract."""
