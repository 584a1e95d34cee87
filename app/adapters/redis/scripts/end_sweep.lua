-- Remove stopped nodes from the set of nodes KEYS[1], and delete the key KEYS[2] of the sweep.
-- ARGV[1]: the prefix of the nodes' keys. ARGV[2], ...: the stopped nodes.
-- Keeps a node that has come back during the sweep: its users must be found if it stops again.
-- Returns the number of removed nodes.
local removed = 0
for index = 2, #ARGV do
  if redis.call('EXISTS', ARGV[1] .. ARGV[index]) == 0 then
    removed = removed + redis.call('SREM', KEYS[1], ARGV[index])
  end
end
redis.call('DEL', KEYS[2])
return removed
