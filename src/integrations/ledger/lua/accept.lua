-- One item of a webhook becomes one job of one lane, once.
-- K record seen gone log depth hour everybody, facet of somebody new, lane [id aliases]
-- A lane id_hash body row urgent heard_ms names facets told remember_ms hour_ttl_s here_ms
-- `names` are what the person goes by. K.id and K.aliases (in the order of `names`) are given when one script may touch several
-- slots (a single node): then they are claimed in the same step.
-- Answers: accepted | duplicate | moved <contact> | other <contact> | merge <contact> <contact>
local now = clock()

if K.id then
  local elsewhere = identify()
  if elsewhere then return elsewhere end
end
local wanted = { 'moved_to', 'epoch', 'erased', 'heard' }
for n, name in ipairs(A.names) do wanted[4 + n] = 'alias ' .. name end
local known = redis.call('HMGET', K.record, unpack(wanted))
if known[1] then return { 'moved', known[1] } end
if redis.call('ZSCORE', K.gone, A.id_hash) then return { 'duplicate' } end
-- What somebody wrote before they were erased, and a vendor could not bring until now, brings nobody back.
local heard_before_ms = redis.call('ZSCORE', K.gone, 'heard')
if heard_before_ms and A.heard_ms < tonumber(heard_before_ms) then return { 'duplicate' } end

-- From here on the item is this contact's, and so are the names it came under: the record tells an erasure what they are.
for n, name in ipairs(A.names) do
  local key = K.id and K.aliases[n]
  if not known[4 + n] and (not key or redis.call('SET', key, A.contact, 'NX') or redis.call('GET', key) == A.contact) then
    redis.call('HSET', K.record, 'alias ' .. name, 1)
  end
end
if K.id then redis.call('SET', K.id, A.contact, 'NX', 'PX', A.remember_ms) end
if redis.call('ZADD', K.seen, 'NX', ms(now), A.id_hash) == 0 then return { 'duplicate' } end

-- What is forgotten here is forgotten by the earlier of two clocks, as it cannot be remembered again.
redis.call('ZREMRANGEBYSCORE', K.seen, '-inf', ms(math.min(now, A.here_ms) - A.remember_ms))
redis.call('PEXPIRE', K.seen, A.remember_ms)
if not known[2] then
  -- Somebody new is on the lists at once, also while nobody answers.
  redis.call('HSET', K.record, 'epoch', new_epoch())
  list(A.facets, '', now)
end
redis.call('HSETNX', K.record, 'created', ms(now))
if known[3] then redis.call('HDEL', K.record, 'erased') end
append(A.lane, A.id_hash, A.body)
if A.row ~= '' then redis.call('XADD', K.log, '*', 'row', A.row) end
-- The channel's reply window is counted from what the person sent last.
local heard = math.max(math.min(A.heard_ms, now), tonumber(known[4] or 0))
count('inbound', 1)

redis.call('HSETNX', K.record, A.lane .. '.first', ms(now))
redis.call('HSET', K.record, A.lane .. '.last', ms(now), 'heard', ms(heard))
if A.urgent then redis.call('HSET', K.record, A.lane .. '.urgent', 1) end
schedule(A.lane, now)
tell(A.told, now)
return { 'accepted' }
