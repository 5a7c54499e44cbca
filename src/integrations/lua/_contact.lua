-- Shared by every script that touches one contact. A contact's record is one hash; each lane keeps its own fields in it:
--   <lane>.token  fencing token, +1 with each claim        <lane>.lease  ms until which somebody works on it
--   <lane>.first / .last / .urgent  what the debounce needs <lane>.hold   ms before which nothing is tried (back-off)
--   <lane>.done   the last committed turn, so that a repeated commit is answered "done"
-- Times are the server's, in milliseconds; `skew` moves them in tests.

local function clock(skew)
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + tonumber(skew)
end

-- Never the same twice, also after the record was deleted: a turn from before an erasure or reset cannot match it.
local function new_epoch()
  local t = redis.call('TIME')
  return string.format('%d%06d', t[1], t[2])
end

local function ms(number)
  return string.format('%.0f', number)
end

-- What becomes of a message goes forward only; "queued" again means that the vendor certainly did not take it.
local ranks = { queued = 0, sending = 1, sent = 2, failed = 3, delivered = 4, read = 5 }

local function field(record, lane, name)
  return tonumber(redis.call('HGET', record, lane .. '.' .. name) or 0)
end

local function ring(shard, in_ms)
  redis.call('PUBLISH', 'iv:bell', shard .. ' ' .. ms(math.max(0, in_ms)))
end

-- When this lane of the contact needs attention: never earlier than its back-off, never nil while a job or timer waits.
local function due_at(record, queue, lane, now, debounce_ms, cap_ms)
  local at = nil
  if redis.call('ZCARD', queue) > 0 then
    local first, last = field(record, lane, 'first'), field(record, lane, 'last')
    if first == 0 or field(record, lane, 'urgent') == 1 then
      at = now
    else
      at = math.min(first + cap_ms, last + debounce_ms)
    end
    at = math.max(at, field(record, lane, 'hold'))
  end
  if lane == 'turns' then
    local timer = tonumber(redis.call('HGET', record, 'timer') or 0)
    if timer > 0 and (at == nil or timer < at) then at = timer end
  end
  return at
end

-- Writes the due time of a lane that nobody holds and rings. A held lane is left alone: its commit computes it anew.
local function schedule(record, queue, due, lane, contact, shard, now, debounce_ms, cap_ms)
  if field(record, lane, 'lease') > now then return end
  local at = due_at(record, queue, lane, now, debounce_ms, cap_ms)
  if at == nil then
    redis.call('ZREM', due, contact)
  else
    redis.call('ZADD', due, ms(at), contact)
    ring(shard, at - now)
  end
end

local function append(record, queue, jobs, depth, lane, id, body)
  local seq = redis.call('HINCRBY', record, 'seq', 1)
  if redis.call('ZADD', queue, 'NX', seq, id) == 1 then
    redis.call('HSET', jobs, 'b:' .. id, body)
    redis.call('HINCRBY', depth, lane, 1)
  end
end

local function remove(queue, jobs, depth, lane, id)
  if redis.call('ZREM', queue, id) == 1 then
    redis.call('HDEL', jobs, 'b:' .. id, 'a:' .. id)
    redis.call('HINCRBY', depth, lane, -1)
  end
end

local function holds(record, lane, token, epoch)
  return redis.call('HGET', record, lane .. '.token') == token and redis.call('HGET', record, 'epoch') == epoch
end
