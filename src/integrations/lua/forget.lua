-- Reset (state forgotten, transcript kept) or erase (everything gone but keyed hashes of message ids). A turn in flight
-- cannot commit afterwards: the epoch is new. An erasure may leave one last message to be sent.
-- KEYS record log out dead dead_of index names by_human by_stage(5) seen gone depth, then queue jobs due of turns, delivery, mirror
-- ARGV skew contact shard erase lane token epoch remember_ms farewell_id farewell_body done_ids...
-- Answers: ok | stale
local record, log, out, dead, dead_of, index, names, by_human = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local seen, gone, depth = KEYS[14], KEYS[15], KEYS[16]
local lanes = { turns = 17, delivery = 20, mirror = 23 }
local contact, shard, erase = ARGV[2], ARGV[3], ARGV[4] == '1'
local now = clock(ARGV[1])
if ARGV[5] ~= '' and not holds(record, ARGV[5], ARGV[6], ARGV[7]) then return 'stale' end

redis.call('ZREM', index, contact)
redis.call('ZREM', by_human, contact)
for n = 9, 13 do redis.call('ZREM', KEYS[n], contact) end
local name = redis.call('HGET', record, 'i.name')
if name then redis.call('ZREM', names, name .. '\n' .. contact) end

local function empty(lane)
  local queue, jobs, due = KEYS[lanes[lane]], KEYS[lanes[lane] + 1], KEYS[lanes[lane] + 2]
  redis.call('HINCRBY', depth, lane, 0 - redis.call('ZCARD', queue))
  redis.call('DEL', queue, jobs)
  redis.call('ZREM', due, contact)
end

local seq, created = redis.call('HGET', record, 'seq'), redis.call('HGET', record, 'created')
empty('delivery')
if erase then
  empty('turns')
  empty('mirror')
  for _, letter in ipairs(redis.call('HKEYS', dead_of)) do redis.call('ZREM', dead, contact .. ' ' .. letter) end
  redis.call('DEL', record, log, out, dead_of)
  if redis.call('EXISTS', seen) == 1 then
    redis.call('ZUNIONSTORE', gone, 2, seen, gone)
    redis.call('DEL', seen)
  end
  redis.call('PEXPIRE', gone, ARGV[8])
  if ARGV[9] ~= '' then
    redis.call('HSET', record, 'epoch', new_epoch(), 'erased', 1)
    append(record, KEYS[20], KEYS[21], depth, 'delivery', ARGV[9], ARGV[10])
    schedule(record, KEYS[20], KEYS[22], 'delivery', contact, shard, now, 0, 0)
  end
else
  for i = 11, #ARGV do remove(KEYS[17], KEYS[18], depth, 'turns', ARGV[i]) end
  local kept = redis.call('HMGET', record, 'turns.first', 'turns.last')
  redis.call('DEL', record)
  redis.call('HSET', record, 'epoch', new_epoch(), 'seq', seq or 0, 'created', created or ms(now), 'i.stage', 'INICIO')
  if kept[1] then redis.call('HSET', record, 'turns.first', kept[1], 'turns.last', kept[2]) end
  redis.call('ZADD', index, ms(now), contact)
  redis.call('ZADD', KEYS[9], ms(now), contact)
  schedule(record, KEYS[17], KEYS[19], 'turns', contact, shard, now, 0, 0)
  schedule(record, KEYS[23], KEYS[25], 'mirror', contact, shard, now, 0, 0)
end
return 'ok'
