"""The WebSocket layer below Engine.IO: upgrades, frames, pings and batched writes."""
