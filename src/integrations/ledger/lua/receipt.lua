-- What became of a message we sent, by rank and never backwards: queued < sending < sent < failed < delivered < read.
-- K record out hour depth, lanes   A lane outbox_id status wamid codes at_ms hour_ttl_s told passing most_tries undelivered
-- `lane` is the one it was sent in. Of what the bot said, `b:<id>` is kept until it is known to have arrived: what failed for a
-- `passing` reason is sent again, a little later each time. When it failed for good, somebody waits for an answer that cannot
-- come: the job `undelivered` tells the turns lane so.
-- Answers: applied | again | older | unknown | moved <contact>
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
local erased = redis.call('HEXISTS', K.record, 'erased') == 1
local kept = redis.call('HGET', K.out, 'b:' .. id)
if A.status == 'failed' and kept and A.passing and not erased then
  local tries = redis.call('HINCRBY', K.out, 'n:' .. id, 1)
  if tries <= A.most_tries then
    redis.call('HSET', K.out, 's:' .. id, 'queued')
    redis.call('HDEL', K.out, 't:' .. id)
    append(A.lane, id, kept)
    redis.call('HSET', K.record, A.lane .. '.hold', ms(now + 2000 * 4 ^ (tries - 1)))
    schedule(A.lane, now)
    count('sent_again', 1)
    return { 'again' }
  end
end
redis.call('HSET', K.out, 's:' .. id, A.status)
if kept and ranks[A.status] >= ranks.failed then
  redis.call('HDEL', K.out, 'b:' .. id, 'n:' .. id)
  if A.status == 'failed' and not erased then
    append(unpack(A.undelivered))
    schedule(A.undelivered[1], now)
  end
end
if A.wamid ~= '' then redis.call('HSET', K.out, 'w:' .. id, A.wamid) end
if A.codes ~= '' then redis.call('HSET', K.out, 'e:' .. id, A.codes) end
count('receipt.' .. A.status, 1)
if not erased then tell(A.told, now) end
return { 'applied' }
