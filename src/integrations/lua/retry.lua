-- Gives a claimed lane back untouched, to be tried again after `delay_ms`. `uncount` takes back the attempt.
-- KEYS record queue jobs due   ARGV skew lane contact shard token epoch delay_ms uncount ids...
local record, queue, jobs, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lane, contact, shard = ARGV[2], ARGV[3], ARGV[4]
local now = clock(ARGV[1])
if not holds(record, lane, ARGV[5], ARGV[6]) then return 'stale' end
pass_when_full(record)
if ARGV[8] == '1' then
  for i = 9, #ARGV do
    if redis.call('HEXISTS', jobs, 'a:' .. ARGV[i]) == 1 then redis.call('HINCRBY', jobs, 'a:' .. ARGV[i], -1) end
  end
end
give_back(record, lane, now + tonumber(ARGV[7]))
redis.call('HSET', record, lane .. '.urgent', 1)
schedule(record, queue, due, lane, contact, shard, now, 0, 0)
return 'ok'
