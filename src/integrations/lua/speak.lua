-- A person's own words, or the system's, on their way to a contact, beside the turns. One that was said before, by its id, is
-- not said again. With an owner the conversation is theirs from now on.
-- KEYS record log out depth, queue jobs due of delivery, of mirror, then index names by_human by_stage(5)
-- ARGV skew contact shard owner stages(5) messages (id body row)... (id body of mirror)...      Answers: ok <new ones> | moved <contact>
local record, log, out, depth, queue, jobs, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local contact, shard, owner, messages = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[10])
local now = clock(ARGV[1])
local moved = redis.call('HGET', record, 'moved_to')
if moved then return { 'moved', moved } end
redis.call('HSETNX', record, 'epoch', new_epoch())
redis.call('HSETNX', record, 'created', ms(now))
local new = 0
for i = 11, 10 + 3 * messages, 3 do
  if redis.call('HSETNX', out, 's:' .. ARGV[i], 'queued') == 1 then
    append(record, queue, jobs, depth, 'delivery', ARGV[i], ARGV[i + 1])
    redis.call('XADD', log, '*', 'row', ARGV[i + 2])
    new = new + 1
  end
end
if new > 0 then
  redis.call('HDEL', record, 'erased') -- whoever is written to anew is known again
  if owner ~= '' then
    redis.call('HSET', record, 'owner', owner)
    local listed = redis.call('HMGET', record, 'i.stage', 'i.name')
    if listed[1] then list(11, record, contact, { unpack(ARGV, 5, 9) }, listed[1], listed[2] or '', now) end
  end
end
schedule(record, queue, due, 'delivery', contact, shard, now, 0, 0)
if new > 0 or messages == 0 then -- what came a second time was told the first time
  local told = {}
  for n = 11 + 3 * messages, #ARGV, 2 do told[#told + 1] = { ARGV[n], ARGV[n + 1] } end
  mirror(record, 8, depth, contact, shard, now, told)
end
return { 'ok', new }
