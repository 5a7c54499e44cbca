-- What became of a message we sent, by rank and never backwards: queued < sending < sent < failed < delivered < read.
-- K record out hour depth, lane   A lane outbox_id status wamid codes at_ms hour_ttl_s told
-- `lane` is the one it was sent in.
-- Answers: applied | older | unknown | moved <contact>
local id = A.outbox_id
local now = clock()
local before = redis.call('HGET', K.out, 's:' .. id)
if not before then
  local moved = redis.call('HGET', K.record, 'moved_to')
  return moved and { 'moved', moved } or { 'unknown' }
end
-- Nobody needs to wait for news of this message any more: neither its followers nor itself after a crash.
if redis.call('HGET', K.record, A.lane .. '.wait') == id or redis.call('ZRANGE', K.lane[A.lane].queue, 0, 0)[1] == id then
  redis.call('HDEL', K.record, A.lane .. '.wait', A.lane .. '.hold')
  schedule(A.lane, now)
end
redis.call('HSET', K.out, 't:' .. id, ms(A.at_ms))
if ranks[A.status] <= (ranks[before] or 0) then return { 'older' } end
redis.call('HSET', K.out, 's:' .. id, A.status)
if A.wamid ~= '' then redis.call('HSET', K.out, 'w:' .. id, A.wamid) end
if A.codes ~= '' then redis.call('HSET', K.out, 'e:' .. id, A.codes) end
count('receipt.' .. A.status, 1)
if redis.call('HEXISTS', K.record, 'erased') == 0 then tell(A.told, now) end
return { 'applied' }
