-- Set the number of a user's sockets on node ARGV[1] to ARGV[2], unless the total of all nodes
-- would exceed ARGV[3]. KEYS[1] is the user's hash of numbers by node.
-- ARGV[4]: the TTL of the hash in seconds. ARGV[5]: the prefix of the nodes' keys.
-- Returns 1 if the number was written, else 0. Removes the numbers of nodes whose key has expired.
local node, count = ARGV[1], tonumber(ARGV[2])
local total = count
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  local other = fields[at]
  if other ~= node then
    if redis.call('EXISTS', ARGV[5] .. other) == 1 then
      total = total + (tonumber(fields[at + 1]) or 0)
    else
      redis.call('HDEL', KEYS[1], other)
    end
  end
end
if total > tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], node, count)
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
