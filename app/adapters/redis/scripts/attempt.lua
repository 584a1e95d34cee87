-- Take one from the bucket KEYS[1] if KEYS[2] has one, too.
-- ARGV: ms per token and ms to fill of the first, then of the second; ms to put back into the
-- first before anything is taken.
-- Returns 0, or in how many ms both will have one.
--
-- A bucket is its key's TTL: the ms until it is full. A full one does not exist.
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
