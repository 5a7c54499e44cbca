-- What became of a message we sent, by rank and never backwards.
-- KEYS record out queue due hour   ARGV skew contact shard outbox_id status wamid error_codes at_ms
-- Answers: applied | older | unknown
local record, out, queue, due, hour = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local contact, shard, id, status = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = clock(ARGV[1])
local before = redis.call('HGET', out, 's:' .. id)
if not before then return 'unknown' end
if redis.call('HGET', record, 'delivery.wait') == id and ranks[status] >= ranks.sent then
  redis.call('HDEL', record, 'delivery.wait', 'delivery.hold')
  schedule(record, queue, due, 'delivery', contact, shard, now, 0, 0)
end
if ranks[status] <= (ranks[before] or 0) then return 'older' end
redis.call('HSET', out, 's:' .. id, status, 't:' .. id, ARGV[8])
if ARGV[6] ~= '' then redis.call('HSET', out, 'w:' .. id, ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', out, 'e:' .. id, ARGV[7]) end
redis.call('HINCRBY', hour, 'receipt.' .. status, 1)
return 'applied'
