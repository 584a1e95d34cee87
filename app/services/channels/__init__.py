"""What `ChannelService` and `RoomSync` are built from."""
