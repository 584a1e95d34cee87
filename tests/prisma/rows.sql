-- Rows as Prisma's client writes them: it sets all ids and dates, in UTC, and casts enums from text.

INSERT INTO "public"."users" ("id","email","name","imageUrl","createdAt","updatedAt","isOnline","lastSeen") VALUES
('user_alice','alice@127.0.0.1','Alice',NULL,'2025-01-13 09:00:00.000','2025-01-13 09:00:00.000',false,'2025-01-13 09:00:00.000'),
('user_bob','bob@127.0.0.1','Bob',NULL,'2025-01-13 09:00:01.000','2025-01-13 09:00:01.000',false,'2025-01-13 09:00:01.000'),
('user_carol','carol@127.0.0.1',NULL,NULL,'2025-01-13 09:00:02.000','2025-01-13 09:00:02.000',false,'2025-01-13 09:00:02.000');

INSERT INTO "public"."channels" ("id","name","description","type","createdById","createdAt","last_activity_at","member_count","updatedAt") VALUES
('general','general','Everybody',CAST('PUBLIC'::text AS "public"."ChannelType"),'user_alice','2025-01-13 09:01:00.000','2025-01-13 09:01:00.000',0,'2025-01-13 09:01:00.000'),
('random','random',NULL,CAST('PRIVATE'::text AS "public"."ChannelType"),'user_bob','2025-01-13 09:02:00.000','2025-01-13 09:02:00.000',0,'2025-01-13 09:02:00.000');

INSERT INTO "public"."channel_members" ("channelId","userId","role","createdAt","last_read_at","joined_at","unread_count") VALUES
('general','user_alice',CAST('OWNER'::text AS "public"."MemberRole"),'2025-01-13 09:01:00.000','2025-01-13 09:01:00.000','2025-01-13 09:01:00.000',0),
('general','user_bob',CAST('MEMBER'::text AS "public"."MemberRole"),'2025-01-13 09:01:01.000','2025-01-13 09:01:01.000','2025-01-13 09:01:01.000',0),
('random','user_bob',CAST('OWNER'::text AS "public"."MemberRole"),'2025-01-13 09:02:00.000','2025-01-13 09:02:00.000','2025-01-13 09:02:00.000',0);

INSERT INTO "public"."messages" ("id","content","channelId","userId","createdAt","updatedAt","deliveryStatus","replyToId") VALUES
('4b6c7c5e-6f9d-4c58-8a37-0c2c2b0a9d11','first','general','user_alice','2025-01-13 10:00:00.123','2025-01-13 10:00:00.123',CAST('DELIVERED'::text AS "public"."MessageDeliveryStatus"),NULL),
('1d0a3b7e-92d8-4a3f-b1f5-7c8e9d0f1a22','second','general','user_bob','2025-01-13 10:00:01.456','2025-01-13 10:00:01.456',CAST('DELIVERED'::text AS "public"."MessageDeliveryStatus"),'4b6c7c5e-6f9d-4c58-8a37-0c2c2b0a9d11'),
('message_003','third, from the seed','random','user_bob','2025-01-13 10:00:02.789','2025-01-13 10:00:02.789',CAST('READ'::text AS "public"."MessageDeliveryStatus"),NULL);

INSERT INTO "public"."reactions" ("messageId","userId","type","createdAt") VALUES
('4b6c7c5e-6f9d-4c58-8a37-0c2c2b0a9d11','user_bob','+1','2025-01-13 10:01:00.000');

INSERT INTO "public"."files" ("id","name","type","size","url","userId","createdAt","updatedAt") VALUES
('5c2f9a10-8d3b-4f6a-9e21-3b7d5a1c0e33','cat.png','image/png',12345,'/cat.png','user_alice','2025-01-13 10:02:00.000','2025-01-13 10:02:00.000');
