-- Takes a contact's lane for `lease_ms`: a higher fencing token, an attempt counted for every job handed out.
-- A job that was tried before is handed out alone, so that one bad message cannot take its neighbours along.
-- Whoever the lane was held for (see `await`) takes it `despite_hold`.
-- K record, lane [out of a lane that sends]   A lane lease_ms most despite_hold
-- Answers: nil, or "moving" when the contact is on its way into another one and somebody should finish that, or the claim.
local lane = A.lane
local queue, jobs, due, notes = K.lane[lane].queue, K.lane[lane].jobs, K.lane[lane].due, K.lane[lane].notes
local now = clock()
pass_when_full()

local moved = redis.call('HMGET', K.record, 'moved_to', 'moving')
if moved[1] then
  if moved[2] then
    redis.call('ZADD', due, ms(now + A.lease_ms), A.contact)
    return 'moving'
  end
  redis.call('ZREM', due, A.contact)
  return nil
end
local lease = unless_made_ahead(field(lane, 'lease'), now)
if lease > now then
  redis.call('ZADD', due, 'XX', ms(lease), A.contact)
  return nil
end
local at = due_at(lane, now)
if at == nil then
  redis.call('ZREM', due, A.contact)
  return nil
end
if at > now and not A.despite_hold then
  redis.call('ZADD', due, ms(at), A.contact)
  return nil
end

local handed, tried = {}, 0
for i, id in ipairs(redis.call('ZRANGE', queue, 0, A.most - 1)) do
  local before = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0)
  if i > 1 and (before > 0 or tried > 0) then break end
  tried = before
  handed[#handed + 1] = id
  handed[#handed + 1] = redis.call('HGET', jobs, 'b:' .. id)
  handed[#handed + 1] = redis.call('HINCRBY', jobs, 'a:' .. id, 1)
end

-- One counter for all lanes: no two claims of a contact ever have the same name. It is never behind the clock, because a
-- failover may have lost the claims before this one.
local token = math.max(tonumber(redis.call('HGET', K.record, 'token') or 0) + 1, tonumber(new_epoch()))
redis.call('HSET', K.record, 'token', ms(token), lane .. '.token', ms(token), lane .. '.lease', ms(now + A.lease_ms))
-- Whoever waits behind this claim has waited enough: without `first` a lane is due at once.
redis.call('HDEL', K.record, lane .. '.first', lane .. '.last', lane .. '.urgent', lane .. '.hold', lane .. '.wait')
if #handed / 3 < redis.call('ZCARD', queue) then redis.call('HSET', K.record, lane .. '.first', ms(now), lane .. '.urgent', 1) end
redis.call('ZADD', due, ms(now + A.lease_ms), A.contact)
local sending = {}
if K.out and handed[1] then
  sending = redis.call('HMGET', K.out, 's:' .. handed[1], 'g:' .. handed[1], 'w:' .. handed[1])
end
local known = redis.call('HMGET', K.record, 'epoch', 'state', 'owner', 'heard')
local kept = notes and redis.call('HGETALL', notes) or {}
return { ms(token), known[1] or '', known[2] or '', known[3] or '', known[4] or '', ms(now), handed, sending, kept }
