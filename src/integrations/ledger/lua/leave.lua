-- First step of a merge: from now on the contact sends whoever comes to `destination` and tells what it has. It stays here
-- until it is known to have arrived (`drop`), and in a due set, so that a merge that was interrupted is finished.
-- K record log seen out dead letters depth, the lists, all lanes
-- A destination, drop or lane again_ms: who works on that lane then finishes what was interrupted
-- Answers: "leaving", what it has, ids, names | ok | moved <contact> | gone
local now = clock()
local moved = redis.call('HMGET', K.record, 'moved_to', 'moving')

if A.drop then
  if moved[1] ~= A.destination or not moved[2] then return { 'gone' } end
  for lane, its in pairs(K.lane) do
    empty(lane)
    if its.notes then redis.call('DEL', its.notes) end
  end
  unlist()
  for _, letter in ipairs(redis.call('HKEYS', K.letters)) do redis.call('ZREM', K.dead, A.contact .. ' ' .. letter) end
  redis.call('DEL', K.record, K.log, K.seen, K.out, K.letters)
  redis.call('HSET', K.record, 'moved_to', A.destination)
  return { 'ok' }
end

if redis.call('EXISTS', K.record) == 0 then return { 'gone' } end
if moved[1] and not moved[2] then return { 'moved', moved[1] } end
redis.call('HSET', K.record, 'moved_to', A.destination, 'moving', 1, 'epoch', new_epoch())
redis.call('ZADD', K.lane[A.lane].due, ms(now + A.again_ms), A.contact)
local has = {
  record = redis.call('HGETALL', K.record), out = redis.call('HGETALL', K.out), letters = redis.call('HGETALL', K.letters),
  seen = redis.call('ZRANGE', K.seen, 0, -1, 'WITHSCORES'), log = redis.call('XRANGE', K.log, '-', '+'), notes = {}, jobs = {},
}
for lane, its in pairs(K.lane) do
  if its.notes then has.notes[lane] = redis.call('HGETALL', its.notes) end
  for _, id in ipairs(redis.call('ZRANGE', its.queue, 0, -1)) do
    local body, attempts = unpack(redis.call('HMGET', its.jobs, 'b:' .. id, 'a:' .. id))
    has.jobs[#has.jobs + 1] = { lane, id, body, attempts or '0' }
  end
end
local names = {}
for i = 1, #has.record, 2 do
  if string.find(has.record[i], ' ') then names[#names + 1] = has.record[i] end
end
return { 'leaving', cmsgpack.pack(has), redis.call('ZRANGE', K.seen, 0, -1), names }
