-- Second step of a merge: what the other contact had becomes this one's, once. It was announced before (`joins`): when the
-- announcement is gone this person was erased meanwhile, and nothing may come back.
-- KEYS record log seen out dead dead_of index names by_human by_stage(5) depth, then queue jobs due of turns, delivery, mirror, then crm
-- ARGV skew contact shard source has stages(5)      Answers: ok | done | gone | moved <contact>
local record, log, seen, out, dead, dead_of, first_list, depth = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], 7, KEYS[15]
local lanes = { turns = 16, delivery = 19, mirror = 22 }
local contact, shard, source = ARGV[2], ARGV[3], ARGV[4]
local now = clock(ARGV[1])
local moved = redis.call('HGET', record, 'moved_to')
if moved then return { 'moved', moved } end
local announced = redis.call('HDEL', record, 'joins ' .. source)
if redis.call('HEXISTS', record, 'joined ' .. source) == 1 then return { 'done' } end
if announced == 0 then return { 'gone' } end

local has = cmsgpack.unpack(ARGV[5])
local theirs = {}
for i = 1, #has.record, 2 do theirs[has.record[i]] = has.record[i + 1] end
redis.call('HSET', record, 'joined ' .. source, 1)
redis.call('HSETNX', record, 'epoch', new_epoch())
redis.call('HDEL', record, 'erased')
for name in pairs(theirs) do
  if string.find(name, ' ') then redis.call('HSETNX', record, name, 1) end
end
local function keep_furthest(name, further)
  local mine = redis.call('HGET', record, name)
  if theirs[name] and (not mine or further(tonumber(theirs[name]), tonumber(mine))) then redis.call('HSET', record, name, theirs[name]) end
end
keep_furthest('created', function(a, b) return a < b end)
keep_furthest('heard', function(a, b) return a > b end)

if theirs.state and redis.call('HEXISTS', record, 'state') == 0 then
  for _, name in ipairs({ 'state', 'owner', 'timer' }) do
    if theirs[name] then redis.call('HSET', record, name, theirs[name]) end
  end
  if theirs['i.stage'] then
    list(first_list, record, contact, { unpack(ARGV, 6, 10) }, theirs['i.stage'], theirs['i.name'] or '', now)
  end
  -- A first turn in flight here knows nothing of that state and would write over it.
  if field(record, 'turns', 'lease') > 0 then give_back(record, 'turns') end
elseif theirs.owner == 'human' and redis.call('HGET', record, 'owner') ~= 'human' then
  redis.call('HSET', record, 'owner', 'human')
  local listed = redis.call('HMGET', record, 'i.stage', 'i.name')
  if listed[1] then list(first_list, record, contact, { unpack(ARGV, 6, 10) }, listed[1], listed[2] or '', now) end
end

for _, job in ipairs(has.jobs) do
  local lane, id, body, attempts = unpack(job)
  append(record, KEYS[lanes[lane]], KEYS[lanes[lane] + 1], depth, lane, id, body)
  if attempts ~= '0' then redis.call('HSET', KEYS[lanes[lane] + 1], 'a:' .. id, attempts) end
end
for i = 1, #has.out, 2 do redis.call('HSETNX', out, has.out[i], has.out[i + 1]) end
if redis.call('EXISTS', KEYS[25]) == 0 and #has.crm > 0 then redis.call('HSET', KEYS[25], unpack(has.crm)) end
for i = 1, #has.seen, 2 do redis.call('ZADD', seen, has.seen[i + 1], has.seen[i]) end
for i = 1, #has.letters, 2 do
  local letter = cjson.decode(has.letters[i + 1])
  letter.contact = contact
  redis.call('HSET', dead_of, has.letters[i], cjson.encode(letter))
  redis.call('ZADD', dead, ms(letter.at), contact .. ' ' .. has.letters[i])
end

-- One transcript in the order of time. Entries of the same millisecond keep their order.
local rows = {}
for _, entries in ipairs({ redis.call('XRANGE', log, '-', '+'), has.log }) do
  for _, entry in ipairs(entries) do
    local at, nth = string.match(entry[1], '(%d+)-(%d+)')
    rows[#rows + 1] = { at = tonumber(at), nth = tonumber(nth), place = #rows, row = entry[2][2] }
  end
end
table.sort(rows, function(a, b)
  if a.at ~= b.at then return a.at < b.at end
  if a.nth ~= b.nth then return a.nth < b.nth end
  return a.place < b.place
end)
redis.call('DEL', log)
local last = { at = 0, nth = 0 }
for _, row in ipairs(rows) do
  if row.at == last.at and row.nth <= last.nth then row.nth = last.nth + 1 end
  redis.call('XADD', log, ms(row.at) .. '-' .. ms(row.nth), 'row', row.row)
  last = row
end

for lane, first in pairs(lanes) do
  schedule(record, KEYS[first], KEYS[first + 2], lane, contact, shard, now, 0, 0)
end
return { 'ok' }
