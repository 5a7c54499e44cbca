-- What a contact has in other slots: ids of its messages, aliases, merged contacts, vendor's ids of what was sent to it; and
-- where it is in the CRM, of which a keyed hash is to be kept. `known` changes when any of it does.
local function foreign(record, seen, out, crm)
  local ids, wamids, names = redis.call('ZRANGE', seen, 0, -1), {}, {}
  local fields = redis.call('HGETALL', out)
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'w:' then wamids[#wamids + 1] = fields[i + 1] end
  end
  for _, name in ipairs(redis.call('HKEYS', record)) do
    if string.find(name, ' ') then names[#names + 1] = name end
  end
  local place = redis.call('HGET', crm, 'conversation') or ''
  local parts = { place }
  for _, list in ipairs({ ids, wamids, names }) do
    table.sort(list)
    parts[#parts + 1] = table.concat(list, '\n')
  end
  return { ids = ids, wamids = wamids, names = names, place = place, known = redis.sha1hex(table.concat(parts, '\n\n')) }
end
