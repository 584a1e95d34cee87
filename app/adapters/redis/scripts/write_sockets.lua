-- Write the numbers of sockets on node ARGV[1]: ARGV[3] into KEYS[1], ARGV[4] into KEYS[2], and so
-- on. Each key is a user's hash of numbers by node. ARGV[2]: the TTL of a hash in seconds.
-- Returns the number of keys.
for index, key in ipairs(KEYS) do
  local count = ARGV[index + 2]
  if count == '0' then
    redis.call('HDEL', key, ARGV[1])
  else
    redis.call('HSET', key, ARGV[1], count)
    redis.call('EXPIRE', key, ARGV[2])
  end
end
return #KEYS
