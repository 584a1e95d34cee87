"""The parts of `ChannelService` and `RoomSync`."""
