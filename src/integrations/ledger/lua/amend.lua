-- An operator changes a conversation between turns. Whoever works on the older state loses the lane: that turn is taken again.
-- K record log depth, the lists, lane
-- A lane expected state owner timer_ms facets name row told
-- Without an owner that stays. Answers: ok | changed (somebody was faster: read again)
local queue, jobs = K.lane[A.lane].queue, K.lane[A.lane].jobs
local now = clock()
if (redis.call('HGET', K.record, 'state') or '') ~= A.expected then return 'changed' end
if redis.call('HEXISTS', K.record, 'epoch') == 0 then return 'changed' end
if redis.call('HEXISTS', K.record, 'moved_to') == 1 or redis.call('HEXISTS', K.record, 'erased') == 1 then return 'changed' end

redis.call('HSET', K.record, 'state', A.state)
if A.owner ~= '' then redis.call('HSET', K.record, 'owner', A.owner) end
if A.timer_ms == 0 then redis.call('HDEL', K.record, 'timer') else redis.call('HSET', K.record, 'timer', ms(A.timer_ms)) end
if A.row ~= '' then redis.call('XADD', K.log, '*', 'row', A.row) end
list(A.facets, A.name, now)

-- A turn under way did nothing wrong: it is taken again as if for the first time, with all its messages together.
if field(A.lane, 'lease') > now then
  for n, id in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
    local attempts = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0)
    if attempts == 0 then break end
    redis.call('HINCRBY', jobs, 'a:' .. id, -1)
    if n == 1 and attempts > 1 then break end -- it had been handed out alone
  end
end
give_back(A.lane) -- also from one whose lease has ended: it could still commit
schedule(A.lane, now)
tell(A.told, now)
return 'ok'
