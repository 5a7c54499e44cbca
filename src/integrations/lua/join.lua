-- Second step of a merge: what the other contact had becomes this one's, once.
-- KEYS record log seen depth, then queue jobs due of turns, delivery, mirror
-- ARGV skew contact shard source state n_jobs (lane id body)... n_rows row... (id_hash at)...
local record, log, seen, depth = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lanes = { turns = 5, delivery = 8, mirror = 11 }
local now = clock(ARGV[1])
if redis.call('HSETNX', record, 'joined ' .. ARGV[4], 1) == 0 then return 'done' end
redis.call('HSETNX', record, 'epoch', new_epoch())
if ARGV[5] ~= '' then redis.call('HSETNX', record, 'state', ARGV[5]) end
local at = 7
for _ = 1, tonumber(ARGV[6]) do
  append(record, KEYS[lanes[ARGV[at]]], KEYS[lanes[ARGV[at]] + 1], depth, ARGV[at], ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
local rows = tonumber(ARGV[at])
for i = at + 1, at + rows do redis.call('XADD', log, '*', 'row', ARGV[i]) end
for i = at + rows + 1, #ARGV, 2 do redis.call('ZADD', seen, ARGV[i + 1], ARGV[i]) end
for lane, first in pairs(lanes) do
  schedule(record, KEYS[first], KEYS[first + 2], lane, ARGV[2], ARGV[3], now, 0, 0)
end
return 'ok'
