-- First step of a merge: the contact sends whoever comes to `destination` and tells what it has. Repeating it is harmless:
-- what it has stays until the second step is known to be done (`drop`).
-- KEYS record log seen, index names by_human by_stage(5), depth, then queue jobs due of turns, delivery, mirror
-- ARGV contact destination drop
local record, log, seen, depth = KEYS[1], KEYS[2], KEYS[3], KEYS[12]
local contact, destination = ARGV[1], ARGV[2]
if ARGV[3] == '1' then
  for lane, first in pairs({ turns = 13, delivery = 16, mirror = 19 }) do
    redis.call('HINCRBY', depth, lane, 0 - redis.call('ZCARD', KEYS[first]))
    redis.call('DEL', KEYS[first], KEYS[first + 1])
    redis.call('ZREM', KEYS[first + 2], contact)
  end
  local name = redis.call('HGET', record, 'i.name')
  if name then redis.call('ZREM', KEYS[5], name .. '\n' .. contact) end
  redis.call('ZREM', KEYS[4], contact)
  for n = 6, 11 do redis.call('ZREM', KEYS[n], contact) end
  redis.call('DEL', record, log, seen)
  redis.call('HSET', record, 'moved_to', destination)
  return {}
end
redis.call('HSET', record, 'moved_to', destination, 'epoch', new_epoch())
local moving = {}
for lane, first in pairs({ turns = 13, delivery = 16, mirror = 19 }) do
  for _, id in ipairs(redis.call('ZRANGE', KEYS[first], 0, -1)) do
    moving[#moving + 1] = lane
    moving[#moving + 1] = id
    moving[#moving + 1] = redis.call('HGET', KEYS[first + 1], 'b:' .. id)
  end
end
local rows = {}
for _, entry in ipairs(redis.call('XRANGE', log, '-', '+')) do rows[#rows + 1] = entry[2][2] end
return { redis.call('HGET', record, 'state') or '', moving, rows, redis.call('ZRANGE', seen, 0, -1, 'WITHSCORES') }
