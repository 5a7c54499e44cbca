-- First step of a merge: from now on the contact sends whoever comes to `destination` and tells what it has. It stays here
-- until it is known to have arrived (`drop`), and in the due set, so that a merge that was interrupted is finished.
-- KEYS record log seen out dead dead_of index names by_human by_stage(5) depth, then queue jobs due of turns, delivery, mirror, then crm
-- ARGV skew contact shard destination drop again_ms      Answers: "" or what it has, ids, names | moved <contact> | gone
local record, log, seen, out, dead, dead_of, first_list, depth = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], 7, KEYS[15]
local lanes = { turns = 16, delivery = 19, mirror = 22 }
local contact, destination = ARGV[2], ARGV[4]
local now = clock(ARGV[1])
local moved = redis.call('HMGET', record, 'moved_to', 'moving')

if ARGV[5] == '1' then
  if moved[1] ~= destination or not moved[2] then return { 'gone' } end
  for lane, first in pairs(lanes) do
    redis.call('HINCRBY', depth, lane, 0 - redis.call('ZCARD', KEYS[first]))
    redis.call('DEL', KEYS[first], KEYS[first + 1])
    redis.call('ZREM', KEYS[first + 2], contact)
  end
  unlist(first_list, record, contact)
  for _, letter in ipairs(redis.call('HKEYS', dead_of)) do redis.call('ZREM', dead, contact .. ' ' .. letter) end
  redis.call('DEL', record, log, seen, out, dead_of, KEYS[25])
  redis.call('HSET', record, 'moved_to', destination)
  return { 'ok' }
end

if redis.call('EXISTS', record) == 0 then return { 'gone' } end
if moved[1] and not moved[2] then return { 'moved', moved[1] } end
redis.call('HSET', record, 'moved_to', destination, 'moving', 1, 'epoch', new_epoch())
redis.call('ZADD', KEYS[lanes.turns + 2], ms(now + tonumber(ARGV[6])), contact)
local has = {
  record = redis.call('HGETALL', record), out = redis.call('HGETALL', out), letters = redis.call('HGETALL', dead_of),
  seen = redis.call('ZRANGE', seen, 0, -1, 'WITHSCORES'), log = redis.call('XRANGE', log, '-', '+'), crm = redis.call('HGETALL', KEYS[25]), jobs = {},
}
for lane, first in pairs(lanes) do
  for _, id in ipairs(redis.call('ZRANGE', KEYS[first], 0, -1)) do
    local body, attempts = unpack(redis.call('HMGET', KEYS[first + 1], 'b:' .. id, 'a:' .. id))
    has.jobs[#has.jobs + 1] = { lane, id, body, attempts or '0' }
  end
end
local names = {}
for i = 1, #has.record, 2 do
  if string.find(has.record[i], ' ') then names[#names + 1] = has.record[i] end
end
return { 'leaving', cmsgpack.pack(has), redis.call('ZRANGE', seen, 0, -1), names }
