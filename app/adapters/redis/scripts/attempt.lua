-- Take a token from the bucket KEYS[1] if both KEYS[1] and KEYS[2] have one.
-- ARGV[1], ARGV[2]: milliseconds to refill one token, and all tokens, of the bucket KEYS[1].
-- ARGV[3], ARGV[4]: milliseconds to refill one token, and all tokens, of the bucket KEYS[2].
-- ARGV[5]: milliseconds to refill the tokens that are returned to KEYS[1] before one is taken.
-- Returns 0, or the milliseconds until both buckets have a token.
--
-- The TTL of a key is the time until its bucket is full. A full bucket has no key.
local function left_ms(key)
  return math.max(0, redis.call('PTTL', key))
end
local attempt_ms, fill_ms, given_back_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[5])
local until_full_ms = math.max(0, left_ms(KEYS[1]) - given_back_ms)
local wait_ms = math.max(
  0,
  until_full_ms + attempt_ms - fill_ms,
  left_ms(KEYS[2]) + tonumber(ARGV[3]) - tonumber(ARGV[4])
)
if wait_ms == 0 then
  redis.call('SET', KEYS[1], 1, 'PX', until_full_ms + attempt_ms)
elseif given_back_ms > 0 then
  if until_full_ms > 0 then
    redis.call('PEXPIRE', KEYS[1], until_full_ms)
  else
    redis.call('DEL', KEYS[1])
  end
end
return wait_ms
