-- Keeps a lease that is still ours. For a message about to be sent (`outbox_id`), also writes down that it is being sent.
-- K record lane (due) out   A lane token epoch lease_ms outbox_id
-- Answers: the owner of the conversation ("" while nobody took it), or nil when the lease is lost.
local now = clock()
if not holds(A.lane, A.token, A.epoch) then return nil end
pass_when_full()
redis.call('HSET', K.record, A.lane .. '.lease', ms(now + A.lease_ms))
redis.call('ZADD', K.lane[A.lane].due, ms(now + A.lease_ms), A.contact)
if A.outbox_id ~= '' and set_status(A.outbox_id, 'sending') then redis.call('HSET', K.out, 'g:' .. A.outbox_id, ms(now)) end
return redis.call('HGET', K.record, 'owner') or ''
