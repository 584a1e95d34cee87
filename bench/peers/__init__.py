"""The servers that the bench compares ours with; each server in Node.js has its own folder."""
