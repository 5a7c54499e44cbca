-- Shared by every script that touches one contact. A contact's record is one hash; each lane keeps its own fields in it:
--   <lane>.token  fencing token of whoever works on it     <lane>.lease  ms until which somebody works on it
--   <lane>.first / .last / .urgent  what the debounce needs <lane>.hold   ms before which nothing is tried (back-off)
--   <lane>.wait   message whose receipt ends the hold       <lane>.done   the last committed turn: its repeat is answered "done"
-- A contact that became part of another one keeps `moved_to`, and `moving` until all it had has arrived there.
-- Times are the server's, in milliseconds; `A.skew` moves them in tests.
-- K.lane.<lane> has `queue`, `jobs`, `due`, and `notes` when that lane keeps something with the contact for itself.
-- C.lanes.<lane> says what is particular about a lane: `debounce_ms`, `cap_ms`, `timed` when the record's timer wakes it.
-- A job that is handed in is { lane, id, body }.

local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + A.skew
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

-- No lease and no back-off lasts longer: one that seems to was made by a clock that was ahead and has gone back since.
local longest_ms = 7200000
local function unless_made_ahead(until_ms, now)
  return until_ms > now + longest_ms and 0 or until_ms
end

local function field(lane, name)
  return tonumber(redis.call('HGET', K.record, lane .. '.' .. name) or 0)
end

-- What is far away wakes nobody: whoever looks now and then finds it in time.
local far_ms = 60000
local function ring(in_ms)
  if in_ms < far_ms then redis.call('PUBLISH', C.bell, ms(A.shard) .. ' ' .. ms(math.max(0, in_ms))) end
end

-- The first write of work that ends in freeing memory: a full store lets the rest of a script pass once it has written
-- something that takes no memory.
local function pass_when_full()
  redis.call('HDEL', K.record, '')
end

local no_particulars = {}

-- When this lane of the contact needs attention: never earlier than its back-off, never nil while a job or timer waits.
-- The second answer is the end of the lease, 0 when nobody ever had one.
local function due_at(lane, now)
  local its = C.lanes[lane] or no_particulars
  local known = redis.call('HMGET', K.record, lane .. '.first', lane .. '.last', lane .. '.urgent', lane .. '.hold', lane .. '.lease', 'timer')
  for n = 1, 6 do known[n] = tonumber(known[n] or 0) end
  local first, last, urgent, hold, lease, timer = unpack(known)
  hold, lease = unless_made_ahead(hold, now), unless_made_ahead(lease, now)
  local at = nil
  if redis.call('ZCARD', K.lane[lane].queue) > 0 then
    if first == 0 or urgent == 1 then
      at = now
    else
      at = math.min(first + (its.cap_ms or 0), last + (its.debounce_ms or 0))
    end
  end
  if its.timed then
    if timer > 0 and (at == nil or timer < at) then at = timer end
  end
  return at and math.max(at, hold), lease
end

-- Writes the due time of a lane that nobody holds and rings. A held lane is left alone: its commit computes it anew.
local function schedule(lane, now)
  local at, lease = due_at(lane, now)
  if lease > now then return end
  if at == nil then
    redis.call('ZREM', K.lane[lane].due, A.contact)
  else
    redis.call('ZADD', K.lane[lane].due, ms(at), A.contact)
    ring(at - now)
  end
end

local function append(lane, id, body)
  local seq = redis.call('HINCRBY', K.record, 'seq', 1)
  if redis.call('ZADD', K.lane[lane].queue, 'NX', seq, id) == 1 then
    redis.call('HSET', K.lane[lane].jobs, 'b:' .. id, body)
    redis.call('HINCRBY', K.depth, lane, 1)
  end
end

-- What other lanes are told on the way, each behind what it was not told yet.
local function tell(jobs, now)
  local told = {}
  for _, job in ipairs(jobs) do
    append(unpack(job))
    told[job[1]] = true
  end
  for lane in pairs(told) do schedule(lane, now) end
end

local function remove(lane, id)
  if redis.call('ZREM', K.lane[lane].queue, id) == 1 then
    redis.call('HDEL', K.lane[lane].jobs, 'b:' .. id, 'a:' .. id)
    redis.call('HINCRBY', K.depth, lane, -1)
  end
end

-- Nothing of the contact waits in that lane any more.
local function empty(lane)
  redis.call('HINCRBY', K.depth, lane, 0 - redis.call('ZCARD', K.lane[lane].queue))
  redis.call('DEL', K.lane[lane].queue, K.lane[lane].jobs)
  redis.call('ZREM', K.lane[lane].due, A.contact)
end

-- Counted twice: for the hour, which is forgotten after some days, and beside the depths for ever, because whoever watches
-- rates needs counts that only grow.
local function count(name, by)
  redis.call('HINCRBY', K.hour, name, by)
  redis.call('EXPIRE', K.hour, A.hour_ttl_s)
  redis.call('HINCRBY', K.depth, 'total.' .. name, by)
end

local function holds(lane, token, epoch)
  return redis.call('HGET', K.record, lane .. '.token') == token and redis.call('HGET', K.record, 'epoch') == epoch
end

-- The token goes, so that nothing can be done with a claim twice.
local function give_back(lane, hold_until)
  redis.call('HDEL', K.record, lane .. '.token')
  redis.call('HSET', K.record, lane .. '.lease', 0)
  if hold_until then redis.call('HSET', K.record, lane .. '.hold', ms(hold_until)) end
end

local ranks = { queued = 0, sending = 1, sent = 2, failed = 3, delivered = 4, read = 5 }

-- A message's status never goes backwards once the vendor had it; before that, "sending" may turn out to be "queued" again.
local function set_status(id, status)
  local before = ranks[redis.call('HGET', K.out, 's:' .. id) or '']
  if before and before > ranks.sending and ranks[status] <= before then return false end
  redis.call('HSET', K.out, 's:' .. id, status)
  return true
end
