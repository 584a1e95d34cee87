-- Take a token from the bucket KEYS[1] if it has one, and increment ARGV[3] in the hash KEYS[2].
-- ARGV[1], ARGV[2]: milliseconds to refill one token, and all tokens, of the bucket.
-- ARGV[3]: the field to increment. ARGV[4]: the TTL of the hash in seconds.
-- Returns the new value of the field.
local until_full_ms = math.max(0, redis.call('PTTL', KEYS[1])) + tonumber(ARGV[1])
if until_full_ms <= tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], 1, 'PX', until_full_ms)
end
local count = redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
if redis.call('TTL', KEYS[2]) < 0 then
  redis.call('EXPIRE', KEYS[2], ARGV[4])
end
return count
