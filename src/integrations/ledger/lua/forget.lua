-- Reset (state forgotten, transcript kept) or erase (everything gone but keyed hashes of message ids). A turn in flight
-- cannot commit afterwards: the epoch is new. An erasure may leave one last message to be sent.
-- K record log out dead letters seen gone depth, the lists, all lanes
-- A how [held: lane token epoch], then of a reset: done drops keeps facets
--   or of an erasure: where known marks remember_ms here_ms [farewell: a job] last_word: lane id body wait_ms
-- `how` is reset, erase, or erase_source for what a merge left behind. A reset finishes the jobs `done` of the lane that is
-- held, empties the lanes it `drops`, whose messages failed, and `keeps` those fields of the record.
-- `known` says how much of what lies elsewhere the caller has removed there, and `marks` are hashes to be kept of it; when more
-- came meanwhile the answer is "again". The last word is for whoever else knows the person: it is said when that lane keeps
-- notes of them or has something for them, after `wait_ms`, when whoever is writing there has finished. An empty one says
-- nothing new; one that was not heard yet stays.
-- Answers: ok | stale | moved <contact> | again
local now = clock()
if A.held and not holds(A.held.lane, A.held.token, A.held.epoch) then return { 'stale' } end
local moved = redis.call('HGET', K.record, 'moved_to')
if moved and A.how ~= 'erase_source' then return { 'moved', moved } end

if A.how == 'reset' then
  -- Nobody is there, or nothing but the last word to somebody who was erased.
  if redis.call('EXISTS', K.record) == 0 or redis.call('HEXISTS', K.record, 'erased') == 1 then return { 'ok' } end
  pass_when_full()
  for _, lane in ipairs(A.drops) do
    for _, id in ipairs(redis.call('ZRANGE', K.lane[lane].queue, 0, -1)) do set_status(id, 'failed') end
    empty(lane)
  end
  for _, id in ipairs(A.done) do remove(A.held.lane, id) end
  unlist()
  local kept, forgotten = {}, {}
  for _, name in ipairs(A.keeps) do kept[name] = true end
  for _, name in ipairs(redis.call('HKEYS', K.record)) do
    -- What the person is called is kept, too.
    if not kept[name] and not string.find(name, ' ') then forgotten[#forgotten + 1] = name end
  end
  for _, name in ipairs(forgotten) do redis.call('HDEL', K.record, name) end
  redis.call('HSET', K.record, 'epoch', new_epoch())
  list(A.facets, '', now)
  for lane in pairs(K.lane) do schedule(lane, now) end
  return { 'ok' }
end

if foreign().known ~= A.known then return { 'again' } end
unlist()
local heard = redis.call('HGET', K.record, 'heard')
local word = A.last_word
local there = K.lane[word.lane]
local told = redis.call('HGET', there.jobs, 'b:' .. word.id)
if not told and word.body ~= '' and redis.call('EXISTS', there.notes) + redis.call('ZCARD', there.queue) > 0 then told = word.body end
for lane, its in pairs(K.lane) do
  empty(lane)
  if its.notes then redis.call('DEL', its.notes) end
end
for _, letter in ipairs(redis.call('HKEYS', K.letters)) do redis.call('ZREM', K.dead, A.contact .. ' ' .. letter) end
redis.call('DEL', K.record, K.log, K.out, K.letters)
if redis.call('EXISTS', K.seen) == 1 then
  redis.call('ZUNIONSTORE', K.gone, 2, K.seen, K.gone)
  redis.call('DEL', K.seen)
end
-- Nothing from before this moment comes back: not what humans said, by whichever of two clocks is behind, nor what the person wrote.
redis.call('ZADD', K.gone, ms(math.min(now, A.here_ms)), 'erased')
if heard then redis.call('ZADD', K.gone, heard, 'heard') end
for _, mark in ipairs(A.marks) do redis.call('ZADD', K.gone, ms(now), mark) end
redis.call('PEXPIRE', K.gone, A.remember_ms)
if A.farewell or told then redis.call('HSET', K.record, 'epoch', new_epoch(), 'erased', 1) end
if told then
  redis.call('HSET', K.record, word.lane .. '.hold', ms(now + word.wait_ms))
  tell({ { word.lane, word.id, told } }, now)
end
if A.farewell then tell({ A.farewell }, now) end
return { 'ok' }
