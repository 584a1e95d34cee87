-- The original backend's tables with the fewest restrictions that the chat accepts: only the needed
-- columns, no NOT NULL, no defaults, other types, no foreign keys.

CREATE TYPE "ChannelType" AS ENUM ('DM', 'PRIVATE', 'PUBLIC', 'BROADCAST');
CREATE TYPE "MemberRole" AS ENUM ('GUEST', 'MEMBER', 'ADMIN', 'OWNER');
CREATE TYPE "MessageDeliveryStatus" AS ENUM ('READ', 'FAILED', 'DELIVERED', 'SENT', 'SENDING');

CREATE TABLE "users" (
    "id" VARCHAR(64) PRIMARY KEY,
    "email" VARCHAR(255) NOT NULL UNIQUE,
    "name" VARCHAR(255),
    "imageUrl" VARCHAR,
    "updatedAt" TIMESTAMP
);
CREATE TABLE "channels" (
    "id" VARCHAR(191) PRIMARY KEY,
    "name" VARCHAR(100),
    "description" VARCHAR(500),
    "type" "ChannelType",
    "createdById" VARCHAR(64),
    "createdAt" TIMESTAMP(6),
    "updatedAt" TIMESTAMP(6)
);
CREATE TABLE "channel_members" (
    "channelId" VARCHAR(191) NOT NULL,
    "userId" VARCHAR(64) NOT NULL,
    "role" "MemberRole",
    "createdAt" TIMESTAMP(3),
    "last_read_at" TIMESTAMP(3),
    "joined_at" TIMESTAMP(3)
);
CREATE UNIQUE INDEX "members_once" ON "channel_members" ("userId", "channelId");
CREATE TABLE "messages" (
    "id" VARCHAR(36) PRIMARY KEY,
    "content" VARCHAR(4000),
    "channelId" VARCHAR(191),
    "userId" VARCHAR(64),
    "createdAt" TIMESTAMP(3),
    "updatedAt" TIMESTAMP(3),
    "deliveryStatus" "MessageDeliveryStatus",
    "replyToId" VARCHAR(36)
);
CREATE TABLE "read_receipts" (
    "id" BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    "messageId" VARCHAR(36) NOT NULL,
    "userId" VARCHAR(64),
    "readAt" TIMESTAMP(3),
    UNIQUE ("messageId", "userId")
);

INSERT INTO "users" ("id", "email") VALUES
('user_alice', 'alice@127.0.0.1'), ('user_bob', 'bob@127.0.0.1');
INSERT INTO "channels" ("id") VALUES ('general');
INSERT INTO "channel_members" ("channelId", "userId") VALUES
('general', 'user_alice'), ('general', 'user_bob');
INSERT INTO "messages" ("id", "content", "channelId", "userId", "createdAt", "updatedAt", "deliveryStatus")
VALUES ('message_001', 'first', 'general', 'user_alice', '2025-01-13', '2025-01-13', 'SENT');
