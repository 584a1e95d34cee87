-- Put one back into the bucket KEYS[1]; a full bucket stays full.
-- ARGV: ms per token.
--
-- A bucket is its key's TTL: the ms until it is full. A full one does not exist.
local until_full_ms = redis.call('PTTL', KEYS[1]) - tonumber(ARGV[1])
if until_full_ms > 0 then
  redis.call('PEXPIRE', KEYS[1], until_full_ms)
else
  redis.call('DEL', KEYS[1])
end
return 0
