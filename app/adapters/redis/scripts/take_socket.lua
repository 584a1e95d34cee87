-- Write that node ARGV[1] has ARGV[2] sockets of the user whose hash is KEYS[1], if that and what
-- the other nodes have is at most ARGV[3].
-- ARGV[4]: for how many seconds the hash is kept; ARGV[5]: the prefix of the nodes' keys.
-- Returns 1 if it is written, else 0. A node without its key is dead: what it had is removed.
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
