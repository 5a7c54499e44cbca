-- Reset (state forgotten, transcript kept) or erase (everything gone but keyed hashes of message ids). A turn in flight
-- cannot commit afterwards: the epoch is new. An erasure may leave one last message to be sent.
-- KEYS record log out dead dead_of index names by_human by_stage(5) seen gone depth, then queue jobs due of turns, delivery, mirror, then crm
-- ARGV skew contact shard how lane token epoch remember_ms known farewell_id farewell_body crm_wait_ms stages(5) here_ms place_hash done_ids...
-- With `crm_wait_ms` >= 0 the CRM is told to forget the person, too, after that long: whoever is writing there has finished then.
-- `how` is reset, erase, or erase_source for what a merge left behind. `known` says how much of what lies in other slots
-- the caller has removed there, and `place_hash` is that of the conversation in the CRM that goes with it; when more came meanwhile the answer is "again". Answers: ok | stale | moved <contact> | again
local record, log, out, dead, dead_of = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local seen, gone, depth, first_list = KEYS[14], KEYS[15], KEYS[16], 6
local lanes = { turns = 17, delivery = 20, mirror = 23 }
local contact, shard, how = ARGV[2], ARGV[3], ARGV[4]
local now = clock(ARGV[1])
if ARGV[5] ~= '' and not holds(record, ARGV[5], ARGV[6], ARGV[7]) then return { 'stale' } end
local moved = redis.call('HGET', record, 'moved_to')
if moved and how ~= 'erase_source' then return { 'moved', moved } end

local function empty(lane)
  local queue, jobs, due = KEYS[lanes[lane]], KEYS[lanes[lane] + 1], KEYS[lanes[lane] + 2]
  redis.call('HINCRBY', depth, lane, 0 - redis.call('ZCARD', queue))
  redis.call('DEL', queue, jobs)
  redis.call('ZREM', due, contact)
end

if how == 'reset' then
  -- Nobody is there, or nothing but the last word to somebody who was erased.
  if redis.call('EXISTS', record) == 0 or redis.call('HEXISTS', record, 'erased') == 1 then return { 'ok' } end
  pass_when_full(record)
  for _, id in ipairs(redis.call('ZRANGE', KEYS[20], 0, -1)) do set_status(out, id, 'failed') end
  empty('delivery')
  for i = 20, #ARGV do remove(KEYS[17], KEYS[18], depth, 'turns', ARGV[i]) end
  unlist(first_list, record, contact)
  local forgotten = {}
  for _, name in ipairs(redis.call('HKEYS', record)) do
    -- What the person is called, when they came and wrote, when to look at them again, and how long the waiting have waited.
    local kept = name == 'seq' or name == 'created' or name == 'heard' or name == 'timer' or name == 'turns.first' or name == 'turns.last'
    if not kept and not string.find(name, ' ') then forgotten[#forgotten + 1] = name end
  end
  for _, name in ipairs(forgotten) do redis.call('HDEL', record, name) end
  redis.call('HSET', record, 'epoch', new_epoch())
  list(first_list, record, contact, { unpack(ARGV, 13, 17) }, ARGV[13], '', now)
  schedule(record, KEYS[17], KEYS[19], 'turns', contact, shard, now, 0, 0)
  schedule(record, KEYS[23], KEYS[25], 'mirror', contact, shard, now, 0, 0)
  return { 'ok' }
end

local crm, wait_ms = KEYS[26], tonumber(ARGV[12])
if foreign(record, seen, out, crm).known ~= ARGV[9] then return { 'again' } end
unlist(first_list, record, contact)
local heard = redis.call('HGET', record, 'heard')
local told = redis.call('HGET', KEYS[lanes.mirror + 1], 'b:erased')
if not told and wait_ms >= 0 and redis.call('EXISTS', crm) + redis.call('ZCARD', KEYS[lanes.mirror]) > 0 then
  local place = redis.call('HMGET', crm, 'person', 'conversation')
  local known_there = place[1] and place[2] and { person_id = place[1], conversation_id = place[2] } or nil
  local who = { key = contact, channel = string.match(contact, '^[^:]*') }
  told = cjson.encode({ type = 'erased', id = 'erased', contact = who, place = known_there })
end
for lane in pairs(lanes) do empty(lane) end
for _, letter in ipairs(redis.call('HKEYS', dead_of)) do redis.call('ZREM', dead, contact .. ' ' .. letter) end
redis.call('DEL', record, log, out, dead_of, crm)
if redis.call('EXISTS', seen) == 1 then
  redis.call('ZUNIONSTORE', gone, 2, seen, gone)
  redis.call('DEL', seen)
end
-- Nothing from before this moment comes back: not what humans said, by whichever of two clocks is behind, nor what the person wrote.
redis.call('ZADD', gone, ms(math.min(now, tonumber(ARGV[18]))), 'erased')
if heard then redis.call('ZADD', gone, heard, 'heard') end
if ARGV[19] ~= '' then redis.call('ZADD', gone, ms(now), ARGV[19]) end
redis.call('PEXPIRE', gone, ARGV[8])
if ARGV[10] ~= '' or told then redis.call('HSET', record, 'epoch', new_epoch(), 'erased', 1) end
if told then
  append(record, KEYS[lanes.mirror], KEYS[lanes.mirror + 1], depth, 'mirror', 'erased', told)
  redis.call('HSET', record, 'mirror.hold', ms(now + wait_ms))
  schedule(record, KEYS[lanes.mirror], KEYS[lanes.mirror + 2], 'mirror', contact, shard, now, 0, 0)
end
if ARGV[10] ~= '' then
  append(record, KEYS[20], KEYS[21], depth, 'delivery', ARGV[10], ARGV[11])
  schedule(record, KEYS[20], KEYS[22], 'delivery', contact, shard, now, 0, 0)
end
return { 'ok' }
