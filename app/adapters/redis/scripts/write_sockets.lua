-- Write how many sockets of the users whose hashes are KEYS the node ARGV[1] has: ARGV[3] and on.
-- ARGV[2]: for how many seconds a hash is kept. Returns how many were written.
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
