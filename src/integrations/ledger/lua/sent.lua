-- Notes the vendor's id of a message beside its status, so that an erasure knows of it.
-- K record out [sent parked]   A outbox_id wamid remember_s
-- The keys behind `out` are given when one script may touch several slots (a single node): then receipts find the message in the
-- same step. Answers: noted, receipts that came before | unknown (nothing of this person is to be kept) | moved <contact>
local moved = redis.call('HGET', K.record, 'moved_to')
if moved then return { 'moved', moved } end
if redis.call('HEXISTS', K.out, 's:' .. A.outbox_id) == 0 or redis.call('HEXISTS', K.record, 'erased') == 1 then return { 'unknown' } end
redis.call('HSET', K.out, 'w:' .. A.outbox_id, A.wamid)
if not K.sent then return { 'noted' } end
redis.call('SET', K.sent, A.contact .. ' ' .. A.outbox_id, 'EX', A.remember_s)
return { 'noted', redis.call('LRANGE', K.parked, 0, -1) }
