-- One item of a webhook becomes one job of the contact's turns lane, once.
-- KEYS record queue jobs due seen gone log depth hour index by_stage:INICIO, queue jobs due of mirror [id alias...]
-- ARGV skew contact shard id_hash job_id body log_row urgent debounce_ms cap_ms remember_ms hour_ttl_s heard_ms identify mirror alias...
-- The keys behind the lists are given when one script may touch several slots (a single node): then the id and the aliases are
-- claimed in the same step. Answers: accepted | duplicate | moved <contact> | other <contact> | merge <contact> <contact>
local record, queue, jobs, due, seen, gone, log, depth, hour =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local contact, shard, id_hash, job_id, body, row = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local urgent, debounce_ms, cap_ms, remember_ms = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local now = clock(ARGV[1])

local names_here = ARGV[14] == '1'
if names_here then
  local elsewhere = identify(KEYS[15], contact, 16)
  if elsewhere then return elsewhere end
end
local names = { unpack(ARGV, 16) }
local wanted = { 'moved_to', 'epoch', 'erased', 'heard' }
for n, name in ipairs(names) do wanted[4 + n] = 'alias ' .. name end
local known = redis.call('HMGET', record, unpack(wanted))
if known[1] then return { 'moved', known[1] } end
if redis.call('ZSCORE', gone, id_hash) then return { 'duplicate' } end
-- What somebody wrote before they were erased, and a vendor could not bring until now, brings nobody back.
local heard_before_ms = redis.call('ZSCORE', gone, 'heard')
if heard_before_ms and tonumber(ARGV[13]) < tonumber(heard_before_ms) then return { 'duplicate' } end

-- From here on the item is this contact's, and so are the names it came under: the record tells an erasure what they are.
for n, name in ipairs(names) do
  local key = names_here and KEYS[15 + n]
  if not known[4 + n] and (not key or redis.call('SET', key, contact, 'NX') or redis.call('GET', key) == contact) then
    redis.call('HSET', record, 'alias ' .. name, 1)
  end
end
if names_here then redis.call('SET', KEYS[15], contact, 'NX', 'PX', remember_ms) end
if redis.call('ZADD', seen, 'NX', ms(now), id_hash) == 0 then return { 'duplicate' } end

redis.call('ZREMRANGEBYSCORE', seen, '-inf', ms(now - remember_ms))
redis.call('PEXPIRE', seen, remember_ms)
if not known[2] then
  -- Somebody new is on the lists at once, also while nobody answers.
  redis.call('HSET', record, 'epoch', new_epoch(), 'i.owner', 'bot', 'i.stage', 'INICIO', 'i.name', '')
  redis.call('ZADD', KEYS[10], ms(now), contact)
  redis.call('ZADD', KEYS[11], ms(now), contact)
end
redis.call('HSETNX', record, 'created', ms(now))
if known[3] then redis.call('HDEL', record, 'erased') end
append(record, queue, jobs, depth, 'turns', job_id, body)
if row ~= '' then redis.call('XADD', log, '*', 'row', row) end
-- The channel's reply window is counted from what the person sent last.
local heard = math.max(math.min(tonumber(ARGV[13]), now), tonumber(known[4] or 0))
count(hour, ARGV[12], depth, 'inbound', 1)

redis.call('HSETNX', record, 'turns.first', ms(now))
redis.call('HSET', record, 'turns.last', ms(now), 'heard', ms(heard))
if urgent == '1' then redis.call('HSET', record, 'turns.urgent', 1) end
schedule(record, queue, due, 'turns', contact, shard, now, debounce_ms, cap_ms)
mirror(record, 12, depth, contact, shard, now, { { job_id, ARGV[15] } })
return { 'accepted' }
