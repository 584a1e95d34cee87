-- Set KEYS[1] to the number ARGV[2] with a TTL of ARGV[1] seconds, but never weaken the key: keep a
-- longer or infinite TTL, a greater number, and a value that is not a number.
-- Returns 1 if the key is new, else 0.
local ttl_seconds, value = tonumber(ARGV[1]), ARGV[2]
local current = redis.call('GET', KEYS[1])
if not current then
  redis.call('SET', KEYS[1], value, 'EX', ttl_seconds)
  return 1
end
local number = tonumber(current)
if not number or not (tonumber(value) >= number) then
  value = current
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
