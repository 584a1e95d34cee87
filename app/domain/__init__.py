"""The values, wire names and errors of the chat. They import only the standard library."""
