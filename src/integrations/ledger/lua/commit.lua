-- Everything a turn decided and caused, or nothing. Also how the other lanes settle their jobs.
-- K record log out events hour depth dead letters, the lists, all lanes
-- A what `_settled` in redis_ledger.py says.
-- Answers: ok | done | stale | gone (it was the last that was left of an erased person)
local queue, jobs, notes = K.lane[A.lane].queue, K.lane[A.lane].jobs, K.lane[A.lane].notes
local now = clock()

if redis.call('HGET', K.record, A.lane .. '.done') == A.turn then return 'done' end
if not holds(A.lane, A.token, A.epoch) then
  count('stale_commits', 1)
  return 'stale'
end
pass_when_full()
-- The last message to an erased person: what became of it is settled, and nothing else is written about them.
local erased = redis.call('HEXISTS', K.record, 'erased') == 1
if erased then
  A.rows, A.jobs, A.notes = {}, {}, {}
end

for _, id in ipairs(A.uncounted) do redis.call('HINCRBY', jobs, 'a:' .. id, -1) end
for _, id in ipairs(A.done) do remove(A.lane, id) end
for _, id in ipairs(A.buried) do
  local body = redis.call('HGET', jobs, 'b:' .. id)
  if body and not erased then
    local letter = { lane = A.lane, contact = A.contact, id = id, reason = A.reason, at = now, attempts = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0), body = body }
    redis.call('HSET', K.letters, A.lane .. ':' .. id, cjson.encode(letter))
    redis.call('ZADD', K.dead, ms(now), A.contact .. ' ' .. A.lane .. ':' .. id)
    count('buried', 1)
  end
  remove(A.lane, id)
end

if A.state then redis.call('HSET', K.record, 'state', A.state) end
if A.owner ~= '' then redis.call('HSET', K.record, 'owner', A.owner) end
if A.timer_ms then
  if A.timer_ms == 0 then redis.call('HDEL', K.record, 'timer') else redis.call('HSET', K.record, 'timer', ms(A.timer_ms)) end
end
for _, row in ipairs(A.rows) do redis.call('XADD', K.log, '*', 'row', row) end
redis.call('XTRIM', K.log, 'MINID', ms(math.min(now, A.here_ms) - A.rows_kept_ms))
for _, message in ipairs(A.statuses) do
  local id, status, wamid, codes = unpack(message)
  if set_status(id, status) and codes ~= '' then redis.call('HSET', K.out, 'e:' .. id, codes) end
  if wamid ~= '' then redis.call('HSET', K.out, 'w:' .. id, wamid) end
end
-- The receipt may have been faster: then nobody needs it any more.
for id, body in pairs(A.kept) do
  if redis.call('HGET', K.out, 's:' .. id) == 'sent' and not erased then redis.call('HSET', K.out, 'b:' .. id, body) end
end
for _, event in ipairs(A.events) do redis.call('XADD', K.events, 'MAXLEN', '~', A.events_kept, '*', 'event', event) end
for name, by in pairs(A.counts) do count(name, by) end

for name, value in pairs(A.notes) do
  if value == '' then redis.call('HDEL', notes, name) else redis.call('HSET', notes, name, value) end
end
for _, job in ipairs(A.jobs) do append(unpack(job)) end

if next(A.facets) or A.owner ~= '' then list(A.facets, A.name, now) end

redis.call('HSET', K.record, A.lane .. '.done', A.turn)
give_back(A.lane)
-- The receipt may have been faster than this commit: then there is nothing to wait for.
if A.hold_ms > 0 and (A.wait == '' or redis.call('HEXISTS', K.out, 't:' .. A.wait) == 0) then
  redis.call('HSET', K.record, A.lane .. '.hold', ms(now + A.hold_ms), A.lane .. '.wait', A.wait)
end
local touched = { [A.lane] = true }
for _, job in ipairs(A.jobs) do touched[job[1]] = true end
for lane, its in pairs(C.lanes) do touched[lane] = touched[lane] or its.timed and A.timer_ms end
for lane in pairs(touched) do schedule(lane, now) end
if erased then
  local left = 0
  for _, its in pairs(K.lane) do left = left + redis.call('ZCARD', its.queue) end
  if left == 0 then
    redis.call('DEL', K.record, K.out, K.log)
    return 'gone'
  end
end
return 'ok'
