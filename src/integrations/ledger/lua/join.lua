-- Second step of a merge: what the other contact had becomes this one's, once. It was announced before (`joins`): when the
-- announcement is gone this person was erased meanwhile, and nothing may come back.
-- K record log seen out dead letters depth, the lists, all lanes
-- A source has lane owner      Answers: ok | done | gone | moved <contact>
-- `has` is what `leave` answered, `lane` the one whose work knows the state. Whom `owner` names keeps the conversation when either
-- was theirs.
local source = A.source
local now = clock()
local moved = redis.call('HGET', K.record, 'moved_to')
if moved then return { 'moved', moved } end
local announced = redis.call('HDEL', K.record, 'joins ' .. source)
if redis.call('HEXISTS', K.record, 'joined ' .. source) == 1 then return { 'done' } end
if announced == 0 then return { 'gone' } end

local has = cmsgpack.unpack(A.has)
local theirs = {}
for i = 1, #has.record, 2 do theirs[has.record[i]] = has.record[i + 1] end
redis.call('HSET', K.record, 'joined ' .. source, 1)
redis.call('HSETNX', K.record, 'epoch', new_epoch())
redis.call('HDEL', K.record, 'erased')
for name in pairs(theirs) do
  if string.find(name, ' ') then redis.call('HSETNX', K.record, name, 1) end
end
local function keep_furthest(name, further)
  local mine = redis.call('HGET', K.record, name)
  if theirs[name] and (not mine or further(tonumber(theirs[name]), tonumber(mine))) then redis.call('HSET', K.record, name, theirs[name]) end
end
keep_furthest('created', function(a, b) return a < b end)
keep_furthest('heard', function(a, b) return a > b end)

local mine = redis.call('HEXISTS', K.record, 'state') == 1
if theirs.state and not mine then
  for _, name in ipairs({ 'state', 'owner', 'timer' }) do
    if theirs[name] then redis.call('HSET', K.record, name, theirs[name]) end
  end
  local facets = {}
  for facet in pairs(K.facet) do facets[facet] = theirs['i.' .. facet] end
  if next(facets) then list(facets, theirs['i.name'] or '', now) end
  -- A first turn in flight here knows nothing of that state and would write over it.
  if field(A.lane, 'lease') > 0 then give_back(A.lane) end
elseif theirs.owner == A.owner and redis.call('HGET', K.record, 'owner') ~= A.owner then
  redis.call('HSET', K.record, 'owner', A.owner)
  list({}, nil, now)
end

-- Of two conversations one goes on. What is in the other comes to whoever works on it next: it may have been promised something.
if theirs.state and mine then has.jobs[#has.jobs + 1] = { A.lane, 'state.' .. theirs.epoch, theirs.state, '0' } end
for _, job in ipairs(has.jobs) do
  local lane, id, body, attempts = unpack(job)
  append(lane, id, body)
  if attempts ~= '0' then redis.call('HSET', K.lane[lane].jobs, 'a:' .. id, attempts) end
end
for i = 1, #has.out, 2 do redis.call('HSETNX', K.out, has.out[i], has.out[i + 1]) end
for lane, notes in pairs(has.notes) do
  local mine = K.lane[lane].notes
  if redis.call('EXISTS', mine) == 0 and #notes > 0 then redis.call('HSET', mine, unpack(notes)) end
end
for i = 1, #has.seen, 2 do redis.call('ZADD', K.seen, has.seen[i + 1], has.seen[i]) end
for i = 1, #has.letters, 2 do
  local letter = cjson.decode(has.letters[i + 1])
  letter.contact = A.contact
  redis.call('HSET', K.letters, has.letters[i], cjson.encode(letter))
  redis.call('ZADD', K.dead, ms(letter.at), A.contact .. ' ' .. has.letters[i])
end

-- One transcript in the order of time. Entries of the same millisecond keep their order.
local rows = {}
for _, entries in ipairs({ redis.call('XRANGE', K.log, '-', '+'), has.log }) do
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
redis.call('DEL', K.log)
local last = { at = 0, nth = 0 }
for _, row in ipairs(rows) do
  if row.at == last.at and row.nth <= last.nth then row.nth = last.nth + 1 end
  redis.call('XADD', K.log, ms(row.at) .. '-' .. ms(row.nth), 'row', row.row)
  last = row
end

for lane in pairs(K.lane) do schedule(lane, now) end
return { 'ok' }
