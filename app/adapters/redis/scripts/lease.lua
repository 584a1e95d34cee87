-- Lease tokens from the buckets of several users. KEYS: for each user, the bucket, and the hash of
-- the user's sockets by node.
-- ARGV[1]: tokens per lease. ARGV[2]: tokens of a full bucket.
-- ARGV[3]: tokens per second of a user. ARGV[4]: tokens per second that each of the user's nodes
-- takes without a lease. ARGV[5]: the maximum number of nodes of a user.
-- ARGV[6], ...: for each user, the tokens needed now. A lease has at least this many tokens.
-- Returns for each user 0 if the tokens were leased, or the milliseconds until they can be.
--
-- A bucket refills at the rate that the nodes' shares leave. The TTL of a bucket is the time until
-- it is full, and a full bucket has no key. The bucket needs to have only the tokens needed now: it
-- may owe the rest of the lease. So a lease never has less than ARGV[1] tokens.
local lease, burst, max_nodes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[5])
local waits = {}
for user = 1, #KEYS / 2 do
  local bucket, needed = KEYS[2 * user - 1], tonumber(ARGV[5 + user])
  local nodes = math.min(math.max(1, redis.call('HLEN', KEYS[2 * user])), max_nodes)
  local token_ms = 1000 / (tonumber(ARGV[3]) - nodes * tonumber(ARGV[4]))
  local until_full_ms = math.max(0, redis.call('PTTL', bucket))
  local wait_ms = math.ceil(until_full_ms + (needed - burst) * token_ms)
  if wait_ms <= 0 then
    local leased_ms = math.floor(math.max(lease, needed) * token_ms)
    redis.call('SET', bucket, 1, 'PX', math.max(1, until_full_ms + leased_ms))
  end
  waits[user] = math.max(0, wait_ms)
end
return waits
