-- Everything a turn decided and caused, or nothing. Also how the other lanes settle their jobs.
-- KEYS record log out events hour depth dead dead_of index names by_human by_stage(5) then queue jobs due of: own lane, delivery, mirror
-- ARGV a JSON object (see _Settlement in redis_ledger.py), the new state or "". Answers: ok | done | stale
local c = cjson.decode(ARGV[1])
local record, log, out, events, hour, depth, dead, dead_of, index, names, by_human =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local queue, jobs, due = KEYS[17], KEYS[18], KEYS[19]
local now = clock(c.skew)

if redis.call('HGET', record, c.lane .. '.done') == c.turn then return 'done' end
if not holds(record, c.lane, c.token, c.epoch) then
  redis.call('HINCRBY', hour, 'stale_commits', 1)
  return 'stale'
end

for _, id in ipairs(c.done) do remove(queue, jobs, depth, c.lane, id) end
for _, id in ipairs(c.buried) do
  local body = redis.call('HGET', jobs, 'b:' .. id)
  if body then
    local letter = { lane = c.lane, contact = c.contact, id = id, reason = c.reason, at = now, attempts = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0), body = body }
    redis.call('HSET', dead_of, c.lane .. ':' .. id, cjson.encode(letter))
    redis.call('ZADD', dead, ms(now), c.contact .. ' ' .. c.lane .. ':' .. id)
    redis.call('HINCRBY', hour, 'buried', 1)
    remove(queue, jobs, depth, c.lane, id)
  end
end

if ARGV[2] ~= '' then redis.call('HSET', record, 'state', ARGV[2]) end
if c.owner ~= '' then redis.call('HSET', record, 'owner', c.owner) end
if c.timer >= 0 then
  if c.timer == 0 then redis.call('HDEL', record, 'timer') else redis.call('HSET', record, 'timer', ms(c.timer)) end
end
for _, row in ipairs(c.rows) do redis.call('XADD', log, '*', 'row', row) end
local confirmed = false
for _, said in ipairs(c.statuses) do
  local id, status, wamid, codes = said[1], said[2], said[3], said[4]
  local before = ranks[redis.call('HGET', out, 's:' .. id) or 'queued']
  -- A receipt may be faster than the answer to the send itself.
  if id == c.wait and before >= ranks.sent then confirmed = true end
  if status == 'queued' or ranks[status] > before then redis.call('HSET', out, 's:' .. id, status) end
  if wamid ~= '' then redis.call('HSET', out, 'w:' .. id, wamid) end
  if codes ~= '' then redis.call('HSET', out, 'e:' .. id, codes) end
end
for _, event in ipairs(c.events) do redis.call('XADD', events, 'MAXLEN', '~', c.events_kept, '*', 'event', event) end
for name, by in pairs(c.counts) do redis.call('HINCRBY', hour, name, by) end
redis.call('EXPIRE', hour, c.hour_ttl_s)

local function hand_on(lane, first_key, list)
  if #list == 0 then return end
  local lane_queue, lane_jobs, lane_due = KEYS[first_key], KEYS[first_key + 1], KEYS[first_key + 2]
  for _, job in ipairs(list) do append(record, lane_queue, lane_jobs, depth, lane, job[1], job[2]) end
  schedule(record, lane_queue, lane_due, lane, c.contact, c.shard, now, 0, 0)
end
hand_on('delivery', 20, c.delivery)
hand_on('mirror', 23, c.mirror)

if c.stage ~= '' then
  local before = redis.call('HMGET', record, 'i.stage', 'i.name', 'i.human')
  redis.call('ZADD', index, ms(now), c.contact)
  for n = 1, 5 do
    if c.stages[n] == c.stage then redis.call('ZADD', KEYS[11 + n], ms(now), c.contact)
    elseif c.stages[n] == before[1] then redis.call('ZREM', KEYS[11 + n], c.contact) end
  end
  if redis.call('HGET', record, 'owner') == 'human' then redis.call('ZADD', by_human, ms(now), c.contact)
  else redis.call('ZREM', by_human, c.contact) end
  if before[2] ~= c.name then
    if before[2] then redis.call('ZREM', names, before[2] .. '\n' .. c.contact) end
    if c.name ~= '' then redis.call('ZADD', names, 0, c.name .. '\n' .. c.contact) end
  end
  redis.call('HSET', record, 'i.stage', c.stage, 'i.name', c.name)
end

redis.call('HSET', record, c.lane .. '.done', c.turn, c.lane .. '.lease', 0)
if c.hold_ms > 0 and not confirmed then
  redis.call('HSET', record, c.lane .. '.hold', ms(now + c.hold_ms), c.lane .. '.wait', c.wait)
else
  redis.call('HDEL', record, c.lane .. '.hold', c.lane .. '.wait')
end
schedule(record, queue, due, c.lane, c.contact, c.shard, now, c.debounce_ms, c.cap_ms)
-- The last message to an erased person is out: nothing of them stays.
if redis.call('HEXISTS', record, 'erased') == 1 and redis.call('ZCARD', KEYS[20]) == 0 then redis.call('DEL', record, out, log) end
return 'ok'
