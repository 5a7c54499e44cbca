-- Keeps a lease that is still ours. For a message about to be sent (`outbox_id`), also writes down that it is being sent.
-- KEYS record due out   ARGV skew lane contact token epoch lease_ms outbox_id
-- Answers: the owner of the conversation ("" while nobody took it), or nil when the lease is lost.
local record, due, out = KEYS[1], KEYS[2], KEYS[3]
local lane, contact = ARGV[2], ARGV[3]
local now = clock(ARGV[1])
if not holds(record, lane, ARGV[4], ARGV[5]) then return nil end
pass_when_full(record)
redis.call('HSET', record, lane .. '.lease', ms(now + tonumber(ARGV[6])))
redis.call('ZADD', due, ms(now + tonumber(ARGV[6])), contact)
if ARGV[7] ~= '' and set_status(out, ARGV[7], 'sending') then redis.call('HSET', out, 'g:' .. ARGV[7], ms(now)) end
return redis.call('HGET', record, 'owner') or ''
