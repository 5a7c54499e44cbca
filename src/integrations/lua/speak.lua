-- A person's own words, or the system's, on their way to a contact, beside the turns.
-- KEYS record log out depth, queue jobs due of delivery   ARGV skew contact shard (id body row)...
local record, log, out, depth, queue, jobs, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local now = clock(ARGV[1])
local moved = redis.call('HGET', record, 'moved_to')
if moved then return { 'moved', moved } end
redis.call('HSETNX', record, 'epoch', new_epoch())
redis.call('HSETNX', record, 'created', ms(now))
redis.call('HDEL', record, 'erased') -- whoever is written to anew is known again
for i = 4, #ARGV, 3 do
  append(record, queue, jobs, depth, 'delivery', ARGV[i], ARGV[i + 1])
  redis.call('HSETNX', out, 's:' .. ARGV[i], 'queued')
  redis.call('XADD', log, '*', 'row', ARGV[i + 2])
end
schedule(record, queue, due, 'delivery', ARGV[2], ARGV[3], now, 0, 0)
return { 'ok' }
