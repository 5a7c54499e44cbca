-- Notes the vendor's id of a message beside its status, so that an erasure knows of it.
-- KEYS record out [by_vendor_id parked]   ARGV outbox_id wamid contact remember_s
-- The keys behind `out` are given when one script may touch several slots (a single node): then receipts find the message in the
-- same step. Answers: noted, receipts that came before | unknown (nothing of this person is to be kept) | moved <contact>
local record, out = KEYS[1], KEYS[2]
local moved = redis.call('HGET', record, 'moved_to')
if moved then return { 'moved', moved } end
if redis.call('HEXISTS', out, 's:' .. ARGV[1]) == 0 or redis.call('HEXISTS', record, 'erased') == 1 then return { 'unknown' } end
redis.call('HSET', out, 'w:' .. ARGV[1], ARGV[2])
if not KEYS[3] then return { 'noted' } end
redis.call('SET', KEYS[3], ARGV[3] .. ' ' .. ARGV[1], 'EX', ARGV[4])
return { 'noted', redis.call('LRANGE', KEYS[4], 0, -1) }
