-- Gives a claimed lane back untouched, to be tried again after `delay_ms`. `uncount` takes back the attempt of these jobs.
-- K record lane   A lane token epoch delay_ms uncount
local jobs = K.lane[A.lane].jobs
local now = clock()
if not holds(A.lane, A.token, A.epoch) then return 'stale' end
pass_when_full()
for _, id in ipairs(A.uncount) do
  if redis.call('HEXISTS', jobs, 'a:' .. id) == 1 then redis.call('HINCRBY', jobs, 'a:' .. id, -1) end
end
give_back(A.lane, now + A.delay_ms)
redis.call('HSET', K.record, A.lane .. '.urgent', 1)
schedule(A.lane, now)
return 'ok'
