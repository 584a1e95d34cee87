"""The values, wire names and errors of the chat, which need only the standard library."""
