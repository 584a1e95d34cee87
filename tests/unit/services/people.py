from app.domain.ids import ChannelId, SocketId, UserId

ALICE = UserId("user_alice")
BOB = UserId("user_bob")
CAROL = UserId("user_carol")
DAVE = UserId("user_dave")

GENERAL = ChannelId("general")
RANDOM = ChannelId("random")

ALICES_PHONE = SocketId("alices-phone")
ALICES_LAPTOP = SocketId("alices-laptop")
BOBS_PHONE = SocketId("bobs-phone")
