-- A person's own words, or the system's, on their way to a contact, beside the turns. One that was said before, by its id, is
-- not said again. With an owner the conversation is theirs from now on.
-- Words that were written elsewhere have a place and a time there: after an erasure the same may be found there once more, and
-- nothing that was said before it, or is said where the person is about to go, may bring them back.
-- KEYS record log out depth, queue jobs due of delivery, of mirror, then index names by_human by_stage(5), seen gone
-- ARGV skew contact shard owner stages(5) place_hash written_ms remember_ms messages (id hash body row)... (id body of mirror)...
-- Answers: ok <new ones> <1 when nobody is found under that contact's name yet> | moved <contact>
local record, log, out, depth, queue, jobs, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local seen, gone = KEYS[19], KEYS[20]
local contact, shard, owner = ARGV[2], ARGV[3], ARGV[4]
local place, written_ms, remember_ms, messages = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local last = 13 + 4 * messages
local now = clock(ARGV[1])
local moved = redis.call('HGET', record, 'moved_to')
if moved then return { 'moved', moved } end
-- Only something for the CRM: it is about somebody, and makes nobody.
if messages == 0 and (redis.call('HEXISTS', record, 'epoch') == 0 or redis.call('HEXISTS', record, 'erased') == 1) then return { 'ok', 0 } end
if place ~= '' then
  local erased_ms = redis.call('ZSCORE', gone, 'erased')
  if redis.call('ZSCORE', gone, place) or (erased_ms and written_ms <= erased_ms + clocks_apart_ms) then return { 'ok', 0 } end
end

local new = {}
for i = 14, last, 4 do
  local id, hash = ARGV[i], ARGV[i + 1]
  local known = redis.call('HEXISTS', out, 's:' .. id) == 1
  if place ~= '' then known = known or redis.call('ZSCORE', gone, hash) or redis.call('ZADD', seen, 'NX', ms(now), hash) == 0 end
  if not known then new[#new + 1] = i end
end
local function nameless()
  local known = redis.call('HMGET', record, 'epoch', 'erased', 'alias ' .. contact)
  return known[1] and not known[2] and not known[3] and 1 or 0
end
if messages > 0 and #new == 0 then return { 'ok', 0, nameless() } end

redis.call('HSETNX', record, 'epoch', new_epoch())
redis.call('HSETNX', record, 'created', ms(now))
if place ~= '' then redis.call('PEXPIRE', seen, remember_ms) end
for _, i in ipairs(new) do
  redis.call('HSET', out, 's:' .. ARGV[i], 'queued')
  append(record, queue, jobs, depth, 'delivery', ARGV[i], ARGV[i + 2])
  redis.call('XADD', log, '*', 'row', ARGV[i + 3])
end
if #new > 0 then
  redis.call('HDEL', record, 'erased') -- whoever is written to anew is known again
  if owner ~= '' then
    redis.call('HSET', record, 'owner', owner)
    local listed = redis.call('HMGET', record, 'i.stage', 'i.name')
    if listed[1] then list(11, record, contact, { unpack(ARGV, 5, 9) }, listed[1], listed[2] or '', now) end
  end
end
schedule(record, queue, due, 'delivery', contact, shard, now, 0, 0)
local told = {}
for n = last + 1, #ARGV, 2 do told[#told + 1] = { ARGV[n], ARGV[n + 1] } end
mirror(record, 8, depth, contact, shard, now, told)
return { 'ok', #new, nameless() }
