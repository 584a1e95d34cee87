-- Set KEYS[1] to ARGV[2] for ARGV[1] seconds, and take nothing back: a later end stays, no end
-- stays no end, a greater number stays, and so does what is no number.
local ttl_seconds, value = tonumber(ARGV[1]), ARGV[2]
local standing = redis.call('GET', KEYS[1])
if not standing then
  redis.call('SET', KEYS[1], value, 'EX', ttl_seconds)
  return 1
end
local number = tonumber(standing)
if not number or not (tonumber(value) >= number) then
  value = standing
end
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms == -1 then
  redis.call('SET', KEYS[1], value)
elseif left_ms > ttl_seconds * 1000 then
  redis.call('SET', KEYS[1], value, 'PX', left_ms)
else
  redis.call('SET', KEYS[1], value, 'EX', ttl_seconds)
end
return 0
