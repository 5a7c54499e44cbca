-- A person's own words, or the system's, on their way to a contact, beside the turns. One that was said before, by its id, is
-- not said again. With an owner the conversation is theirs from now on.
-- Words that were written elsewhere have a place and a time there: after an erasure the same may be found there once more, and
-- nothing that was said before it, or is said where the person is about to go, may bring them back.
-- K record log out depth seen gone, the lists, lane
-- What was said already, by the vendor's id in `already`, is only written down.
-- A lane owner messages { id hash body row } told [origin: place written_ms] remember_ms [already]
-- Answers: ok <new ones> <1 when nobody is found under that contact's name yet> | moved <contact>
local now = clock()
local moved = redis.call('HGET', K.record, 'moved_to')
if moved then return { 'moved', moved } end
-- Only something for other lanes: it is about somebody, and makes nobody.
if #A.messages == 0 and (redis.call('HEXISTS', K.record, 'epoch') == 0 or redis.call('HEXISTS', K.record, 'erased') == 1) then return { 'ok', 0 } end
if A.origin then
  local erased_ms = redis.call('ZSCORE', K.gone, 'erased')
  if redis.call('ZSCORE', K.gone, A.origin.place) or (erased_ms and A.origin.written_ms <= erased_ms + clocks_apart_ms) then return { 'ok', 0 } end
end

local new = {}
for _, message in ipairs(A.messages) do
  local id, hash = unpack(message)
  local known = redis.call('HEXISTS', K.out, 's:' .. id) == 1
  if A.origin then known = known or redis.call('ZSCORE', K.gone, hash) or redis.call('ZADD', K.seen, 'NX', ms(now), hash) == 0 end
  if not known then new[#new + 1] = message end
end
local function nameless()
  local known = redis.call('HMGET', K.record, 'epoch', 'erased', 'alias ' .. A.contact)
  return known[1] and not known[2] and not known[3] and 1 or 0
end
if #A.messages > 0 and #new == 0 then return { 'ok', 0, nameless() } end

redis.call('HSETNX', K.record, 'epoch', new_epoch())
redis.call('HSETNX', K.record, 'created', ms(now))
if A.origin then redis.call('PEXPIRE', K.seen, A.remember_ms) end
for _, message in ipairs(new) do
  local id, _, body, row = unpack(message)
  if A.already then
    redis.call('HSET', K.out, 's:' .. id, 'sent', 'w:' .. id, A.already)
  else
    redis.call('HSET', K.out, 's:' .. id, 'queued')
    append(A.lane, id, body)
  end
  redis.call('XADD', K.log, '*', 'row', row)
end
if #new > 0 then
  redis.call('HDEL', K.record, 'erased') -- whoever is written to anew is known again
  if A.owner ~= '' then
    redis.call('HSET', K.record, 'owner', A.owner)
    list({}, nil, now)
  end
end
schedule(A.lane, now)
tell(A.told, now)
return { 'ok', #new, nameless() }
