-- Everything a turn decided and caused, or nothing. Also how the other lanes settle their jobs.
-- KEYS record log out events hour depth dead dead_of index names by_human by_stage(5), then queue jobs due of turns, delivery, mirror, then crm
-- ARGV a JSON object (see `_document` in redis_ledger.py), the new state or "".
-- Answers: ok | done | stale | gone (it was the last that was left of an erased person)
local c = cjson.decode(ARGV[1])
local record, log, out, events, hour, depth, dead, dead_of = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local first_list = 9
local lanes = { turns = 17, delivery = 20, mirror = 23 }
local queue, jobs = KEYS[lanes[c.lane]], KEYS[lanes[c.lane] + 1]
local now = clock(c.skew)

if redis.call('HGET', record, c.lane .. '.done') == c.turn then return 'done' end
if not holds(record, c.lane, c.token, c.epoch) then
  count(hour, c.hour_ttl_s, depth, 'stale_commits', 1)
  return 'stale'
end
pass_when_full(record)
-- The last message to an erased person: what became of it is settled, and nothing else is written about them.
local erased = redis.call('HEXISTS', record, 'erased') == 1
if erased then
  c.rows, c.mirror, c.delivery = {}, {}, {}
end

for _, id in ipairs(c.uncounted) do redis.call('HINCRBY', jobs, 'a:' .. id, -1) end
for _, id in ipairs(c.done) do remove(queue, jobs, depth, c.lane, id) end
for _, id in ipairs(c.buried) do
  local body = redis.call('HGET', jobs, 'b:' .. id)
  if body and not erased then
    local letter = { lane = c.lane, contact = c.contact, id = id, reason = c.reason, at = now, attempts = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0), body = body }
    redis.call('HSET', dead_of, c.lane .. ':' .. id, cjson.encode(letter))
    redis.call('ZADD', dead, ms(now), c.contact .. ' ' .. c.lane .. ':' .. id)
    count(hour, c.hour_ttl_s, depth, 'buried', 1)
  end
  remove(queue, jobs, depth, c.lane, id)
end

if ARGV[2] ~= '' then redis.call('HSET', record, 'state', ARGV[2]) end
if c.owner ~= '' then redis.call('HSET', record, 'owner', c.owner) end
if c.timer >= 0 then
  if c.timer == 0 then redis.call('HDEL', record, 'timer') else redis.call('HSET', record, 'timer', ms(c.timer)) end
end
for _, row in ipairs(c.rows) do redis.call('XADD', log, '*', 'row', row) end
redis.call('XTRIM', log, 'MINID', ms(now - c.rows_kept_ms))
for _, message in ipairs(c.statuses) do
  local id, status, wamid, codes = unpack(message)
  if set_status(out, id, status) and codes ~= '' then redis.call('HSET', out, 'e:' .. id, codes) end
  if wamid ~= '' then redis.call('HSET', out, 'w:' .. id, wamid) end
end
for _, event in ipairs(c.events) do redis.call('XADD', events, 'MAXLEN', '~', c.events_kept, '*', 'event', event) end
for name, by in pairs(c.counts) do count(hour, c.hour_ttl_s, depth, name, by) end

for name, value in pairs(erased and {} or c.crm) do
  if value == '' then redis.call('HDEL', KEYS[26], name) else redis.call('HSET', KEYS[26], name, value) end
end
for _, job in ipairs(c.delivery) do append(record, KEYS[20], KEYS[21], depth, 'delivery', job[1], job[2]) end
for _, job in ipairs(c.mirror) do append(record, KEYS[23], KEYS[24], depth, 'mirror', job[1], job[2]) end

if c.stage ~= '' then
  list(first_list, record, c.contact, c.stages, c.stage, c.name, now)
elseif c.owner ~= '' then
  local listed = redis.call('HMGET', record, 'i.stage', 'i.name')
  if listed[1] then list(first_list, record, c.contact, c.stages, listed[1], listed[2] or '', now) end
end

redis.call('HSET', record, c.lane .. '.done', c.turn)
give_back(record, c.lane)
-- The receipt may have been faster than this commit: then there is nothing to wait for.
if c.hold_ms > 0 and (c.wait == '' or redis.call('HEXISTS', out, 't:' .. c.wait) == 0) then
  redis.call('HSET', record, c.lane .. '.hold', ms(now + c.hold_ms), c.lane .. '.wait', c.wait)
end
local touched = { turns = c.timer >= 0, delivery = #c.delivery > 0, mirror = #c.mirror > 0 }
touched[c.lane] = true
for lane, first in pairs(lanes) do
  local debounce_ms, cap_ms = 0, 0
  if lane == 'turns' then debounce_ms, cap_ms = c.debounce_ms, c.cap_ms end
  if touched[lane] then schedule(record, KEYS[first], KEYS[first + 2], lane, c.contact, c.shard, now, debounce_ms, cap_ms) end
end
if erased and redis.call('ZCARD', KEYS[20]) + redis.call('ZCARD', KEYS[23]) == 0 then
  redis.call('DEL', record, out, log)
  return 'gone'
end
return 'ok'
