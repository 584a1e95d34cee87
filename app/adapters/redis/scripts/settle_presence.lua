-- Decide for each user whether this node must publish that the user is now online or offline.
-- KEYS[1]: the hash of published presence by user. KEYS[2]: the set of nodes. KEYS[3], KEYS[4], ...:
-- each user's hash of numbers of sockets by node.
-- ARGV[1]: this node. ARGV[2]: the prefix of the nodes' keys. ARGV[3]: the TTL of a user's hash in
-- seconds. ARGV[4]: 1 if presence that has not changed must be published, too. ARGV[5]: the stopped
-- nodes, separated by spaces. ARGV[6], ARGV[7]: the first user and the user's sockets on this node,
-- and so on.
-- Returns for each user 1 (publish online), 2 (publish offline) or 0; nothing if this node's key is
-- missing. The sockets of a node without a key count until ARGV[5] names the node, so that the users
-- have time to connect to another node. Then its numbers are removed.
--
-- A user's presence is '1' if the user is online. '1:NODE' and '0:NODE' mean that NODE is publishing
-- this presence. Without a value the user is offline. A node that is publishing decides again
-- afterwards, so other nodes decide nothing about the user meanwhile, unless that node has stopped.
local node, prefix, ttl_seconds, again = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1'
local stopped = ARGV[5]
local living, counting = {}, {}
local function is_alive(name)
  if living[name] == nil then
    living[name] = redis.call('EXISTS', prefix .. name) == 1
  end
  return living[name]
end
if not is_alive(node) then
  return {}
end
local function counts(name)
  if counting[name] == nil then
    counting[name] = is_alive(name)
      or redis.call('SISMEMBER', KEYS[2], name) == 1 and not string.find(stopped, name, 1, true)
  end
  return counting[name]
end
-- Write this node's number of sockets, because the node's last write may be late. This is done even if
-- another node is publishing: that node decides about the user again, with this number.
local function write_own_count(key, own_count)
  if own_count == 0 then
    redis.call('HDEL', key, node)
  elseif redis.call('HSETNX', key, node, own_count) == 1 then
    redis.call('EXPIRE', key, ttl_seconds)
  end
end
local function has_socket(key)
  local found = false
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if counts(name) then
      found = true
    else
      redis.call('HDEL', key, name)
    end
  end
  return found
end
local decisions = {}
for index = 3, #KEYS do
  local user, own_count = ARGV[2 * index], tonumber(ARGV[2 * index + 1])
  local value = redis.call('HGET', KEYS[1], user)
  local was_online, publisher = false, ''
  if value then
    was_online, publisher = string.sub(value, 1, 1) == '1', string.sub(value, 3)
  end
  local decision = 0
  write_own_count(KEYS[index], own_count)
  if publisher == '' or publisher == node or not is_alive(publisher) then
    local is_online = has_socket(KEYS[index])
    if again or is_online ~= was_online or (publisher ~= '' and publisher ~= node) then
      redis.call('HSET', KEYS[1], user, (is_online and '1:' or '0:') .. node)
      decision = is_online and 1 or 2
    elseif publisher ~= '' and is_online then
      redis.call('HSET', KEYS[1], user, '1')
    elseif publisher ~= '' then
      redis.call('HDEL', KEYS[1], user)
    end
  end
  decisions[index - 2] = decision
end
return decisions
