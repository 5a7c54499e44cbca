-- Shared by every script that touches one contact. A contact's record is one hash; each lane keeps its own fields in it:
--   <lane>.token  fencing token of whoever works on it     <lane>.lease  ms until which somebody works on it
--   <lane>.first / .last / .urgent  what the debounce needs <lane>.hold   ms before which nothing is tried (back-off)
--   <lane>.wait   message whose receipt ends the hold       <lane>.done   the last committed turn: its repeat is answered "done"
-- A contact that became part of another one keeps `moved_to`, and `moving` until all it had has arrived there.
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

-- How far the clocks of two machines may be apart that are well: a CRM's, and ours.
local clocks_apart_ms = 5000

local function field(record, lane, name)
  return tonumber(redis.call('HGET', record, lane .. '.' .. name) or 0)
end

-- What is far away wakes nobody: whoever looks now and then finds it in time.
local far_ms = 60000
local function ring(shard, in_ms)
  if in_ms < far_ms then redis.call('PUBLISH', 'iv:bell', shard .. ' ' .. ms(math.max(0, in_ms))) end
end

-- The first write of work that ends in freeing memory: a full store lets the rest of a script pass once it has written
-- something that takes no memory.
local function pass_when_full(record)
  redis.call('HDEL', record, '')
end

-- When this lane of the contact needs attention: never earlier than its back-off, never nil while a job or timer waits.
-- The second answer is the end of the lease, 0 when nobody ever had one.
local function due_at(record, queue, lane, now, debounce_ms, cap_ms)
  local known = redis.call('HMGET', record, lane .. '.first', lane .. '.last', lane .. '.urgent', lane .. '.hold', lane .. '.lease', 'timer')
  for n = 1, 6 do known[n] = tonumber(known[n] or 0) end
  local first, last, urgent, hold, lease, timer = unpack(known)
  local at = nil
  if redis.call('ZCARD', queue) > 0 then
    if first == 0 or urgent == 1 then
      at = now
    else
      at = math.min(first + cap_ms, last + debounce_ms)
    end
  end
  if lane == 'turns' then
    if timer > 0 and (at == nil or timer < at) then at = timer end
  end
  return at and math.max(at, hold), lease
end

-- Writes the due time of a lane that nobody holds and rings. A held lane is left alone: its commit computes it anew.
local function schedule(record, queue, due, lane, contact, shard, now, debounce_ms, cap_ms)
  local at, lease = due_at(record, queue, lane, now, debounce_ms, cap_ms)
  if lease > now then return end
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

-- What the CRM is to be told, behind what it was not told yet. The mirror's keys start at KEYS[first]; an empty body is none.
local function mirror(record, first, depth, contact, shard, now, told)
  local any = false
  for _, job in ipairs(told) do
    if job[2] ~= '' then
      append(record, KEYS[first], KEYS[first + 1], depth, 'mirror', job[1], job[2])
      any = true
    end
  end
  if any then schedule(record, KEYS[first], KEYS[first + 2], 'mirror', contact, shard, now, 0, 0) end
end

local function remove(queue, jobs, depth, lane, id)
  if redis.call('ZREM', queue, id) == 1 then
    redis.call('HDEL', jobs, 'b:' .. id, 'a:' .. id)
    redis.call('HINCRBY', depth, lane, -1)
  end
end

-- Counted twice: for the hour, which is forgotten after some days, and beside the depths for ever, because whoever watches
-- rates needs counts that only grow.
local function count(hour, hour_ttl_s, depth, name, by)
  redis.call('HINCRBY', hour, name, by)
  redis.call('EXPIRE', hour, hour_ttl_s)
  redis.call('HINCRBY', depth, 'total.' .. name, by)
end

local function holds(record, lane, token, epoch)
  return redis.call('HGET', record, lane .. '.token') == token and redis.call('HGET', record, 'epoch') == epoch
end

-- The token goes, so that nothing can be done with a claim twice.
local function give_back(record, lane, hold_until)
  redis.call('HDEL', record, lane .. '.token')
  redis.call('HSET', record, lane .. '.lease', 0)
  if hold_until then redis.call('HSET', record, lane .. '.hold', ms(hold_until)) end
end

local ranks = { queued = 0, sending = 1, sent = 2, failed = 3, delivered = 4, read = 5 }

-- A message's status never goes backwards once the vendor had it; before that, "sending" may turn out to be "queued" again.
local function set_status(out, id, status)
  local before = ranks[redis.call('HGET', out, 's:' .. id) or '']
  if before and before > ranks.sending and ranks[status] <= before then return false end
  redis.call('HSET', out, 's:' .. id, status)
  return true
end

-- The lists that people look at. Their keys start at KEYS[first]: index names by_human by_stage(5).
local function unlist(first, record, contact)
  local name = redis.call('HGET', record, 'i.name')
  if name then redis.call('ZREM', KEYS[first + 1], name .. '\n' .. contact) end
  for n = first, first + 7 do
    if n ~= first + 1 then redis.call('ZREM', KEYS[n], contact) end
  end
end

local function list(first, record, contact, stages, stage, name, now)
  local known = redis.call('HMGET', record, 'owner', 'i.owner', 'i.stage', 'i.name')
  local owner = known[1] == 'human' and 'human' or 'bot'
  local same = known[2] == owner and known[3] == stage and known[4] == name
  if not same then
    unlist(first, record, contact)
    redis.call('HSET', record, 'i.owner', owner, 'i.stage', stage, 'i.name', name)
    if name ~= '' then redis.call('ZADD', KEYS[first + 1], 0, name .. '\n' .. contact) end
  end
  redis.call('ZADD', KEYS[first], ms(now), contact)
  if owner == 'human' then redis.call('ZADD', KEYS[first + 2], ms(now), contact) end
  for n = 1, 5 do
    if stages[n] == stage then redis.call('ZADD', KEYS[first + 2 + n], ms(now), contact) end
  end
end
