-- A dead letter goes back into its lane as if it had never been tried.
-- KEYS record depth dead dead_of queue jobs due out   ARGV skew contact shard lane id      Answers: ok | unknown
local record, depth, dead, dead_of, queue, jobs, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local contact, shard, lane, id = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local letter = redis.call('HGET', dead_of, lane .. ':' .. id)
if not letter then return 'unknown' end
append(record, queue, jobs, depth, lane, id, cjson.decode(letter).body)
if lane == 'delivery' then redis.call('HSET', KEYS[8], 's:' .. id, 'queued') end
redis.call('HDEL', dead_of, lane .. ':' .. id)
redis.call('ZREM', dead, contact .. ' ' .. lane .. ':' .. id)
schedule(record, queue, due, lane, contact, shard, clock(ARGV[1]), 0, 0)
return 'ok'
