-- Takes a contact's lane for `lease_ms`: a higher fencing token, an attempt counted for every job handed out.
-- A job that was tried before is handed out alone, so that one bad message cannot take its neighbours along.
-- KEYS record queue jobs due out crm   ARGV skew lane contact shard lease_ms most debounce_ms cap_ms
-- Answers: nil, or "moving" when the contact is on its way into another one and somebody should finish that, or the claim.
local record, queue, jobs, due, out = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local lane, contact, shard, lease_ms, most = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local debounce_ms, cap_ms = tonumber(ARGV[7]), tonumber(ARGV[8])
local now = clock(ARGV[1])
pass_when_full(record)

local moved = redis.call('HMGET', record, 'moved_to', 'moving')
if moved[1] then
  if moved[2] then
    redis.call('ZADD', due, ms(now + lease_ms), contact)
    return 'moving'
  end
  redis.call('ZREM', due, contact)
  return nil
end
local lease = field(record, lane, 'lease')
if lease > now then
  redis.call('ZADD', due, 'XX', ms(lease), contact)
  return nil
end
local at = due_at(record, queue, lane, now, debounce_ms, cap_ms)
if at == nil then
  redis.call('ZREM', due, contact)
  return nil
end
if at > now then
  redis.call('ZADD', due, ms(at), contact)
  return nil
end

local handed, tried = {}, 0
for i, id in ipairs(redis.call('ZRANGE', queue, 0, most - 1)) do
  local before = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0)
  if i > 1 and (before > 0 or tried > 0) then break end
  tried = before
  handed[#handed + 1] = id
  handed[#handed + 1] = redis.call('HGET', jobs, 'b:' .. id)
  handed[#handed + 1] = redis.call('HINCRBY', jobs, 'a:' .. id, 1)
end

-- One counter for all lanes: no two claims of a contact ever have the same name. It is never behind the clock, because a
-- failover may have lost the claims before this one.
local token = math.max(tonumber(redis.call('HGET', record, 'token') or 0) + 1, tonumber(new_epoch()))
redis.call('HSET', record, 'token', ms(token), lane .. '.token', ms(token), lane .. '.lease', ms(now + lease_ms))
-- Whoever waits behind this claim has waited enough: without `first` a lane is due at once.
redis.call('HDEL', record, lane .. '.first', lane .. '.last', lane .. '.urgent', lane .. '.hold', lane .. '.wait')
if #handed / 3 < redis.call('ZCARD', queue) then redis.call('HSET', record, lane .. '.first', ms(now), lane .. '.urgent', 1) end
redis.call('ZADD', due, ms(now + lease_ms), contact)
local sending = {}
if lane == 'delivery' and handed[1] then
  sending = redis.call('HMGET', out, 's:' .. handed[1], 'g:' .. handed[1], 'w:' .. handed[1])
end
local known = redis.call('HMGET', record, 'epoch', 'state', 'owner', 'heard')
local crm = lane == 'mirror' and redis.call('HGETALL', KEYS[6]) or {}
return { ms(token), known[1] or '', known[2] or '', known[3] or '', known[4] or '', ms(now), handed, sending, crm }
