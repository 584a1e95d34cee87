"""The values, wire names and errors of the chat, on the standard library alone."""
