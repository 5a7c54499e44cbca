-- What a contact has in other slots: ids of its messages, aliases, merged contacts, vendor's ids of what was sent to it; and
-- where else it is known, which lanes keep among their notes: A.where.<lane> are the names of those. `known` changes when any of
-- it does.
local function foreign()
  local ids, wamids, names, places = redis.call('ZRANGE', K.seen, 0, -1), {}, {}, {}
  local fields = redis.call('HGETALL', K.out)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'w:' then wamids[#wamids + 1] = fields[i + 1] end
  end
  for _, name in ipairs(redis.call('HKEYS', K.record)) do
    if string.find(name, ' ') then names[#names + 1] = name end
  end
  local parts = {}
  for lane, noted in pairs(A.where) do
    for _, name in ipairs(noted) do
      local place = redis.call('HGET', K.lane[lane].notes, name) or ''
      places[#places + 1] = { lane, name, place }
      parts[#parts + 1] = lane .. ' ' .. name .. ' ' .. place
    end
  end
  for _, list in ipairs({ ids, wamids, names }) do
    table.sort(list)
    parts[#parts + 1] = table.concat(list, '\n')
  end
  return { ids = ids, wamids = wamids, names = names, places = places, known = redis.sha1hex(table.concat(parts, '\n\n')) }
end
