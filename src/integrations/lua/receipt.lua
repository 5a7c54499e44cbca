-- What became of a message we sent, by rank and never backwards: queued < sending < sent < failed < delivered < read.
-- KEYS record out queue due hour depth, queue jobs due of mirror
-- ARGV skew contact shard outbox_id status wamid error_codes at_ms hour_ttl_s mirror
-- Answers: applied | older | unknown | moved <contact>
local record, out, queue, due, hour, depth = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local contact, shard, id, status = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = clock(ARGV[1])
local before = redis.call('HGET', out, 's:' .. id)
if not before then
  local moved = redis.call('HGET', record, 'moved_to')
  return moved and { 'moved', moved } or { 'unknown' }
end
-- Nobody needs to wait for news of this message any more: neither its followers nor itself after a crash.
if redis.call('HGET', record, 'delivery.wait') == id or redis.call('ZRANGE', queue, 0, 0)[1] == id then
  redis.call('HDEL', record, 'delivery.wait', 'delivery.hold')
  schedule(record, queue, due, 'delivery', contact, shard, now, 0, 0)
end
redis.call('HSET', out, 't:' .. id, ARGV[8])
if ranks[status] <= (ranks[before] or 0) then return { 'older' } end
redis.call('HSET', out, 's:' .. id, status)
if ARGV[6] ~= '' then redis.call('HSET', out, 'w:' .. id, ARGV[6]) end
if ARGV[7] ~= '' then redis.call('HSET', out, 'e:' .. id, ARGV[7]) end
count(hour, ARGV[9], depth, 'receipt.' .. status, 1)
if redis.call('HEXISTS', record, 'erased') == 0 then
  mirror(record, 7, depth, contact, shard, now, { { id .. '.' .. status, ARGV[10] } })
end
return { 'applied' }
