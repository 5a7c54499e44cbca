-- The lists that people look at: K.everybody by the time of the last change, K.names, and for each facet of a contact (say, how
-- far the sale is) K.facet.<facet>.<value>, a list for every value that has one. The record keeps what the contact is listed
-- under: `i.name` and `i.<facet>`.
local function unlist()
  local name = redis.call('HGET', K.record, 'i.name')
  if name then redis.call('ZREM', K.names, name .. '\n' .. A.contact) end
  redis.call('ZREM', K.everybody, A.contact)
  for _, lists in pairs(K.facet) do
    for _, key in pairs(lists) do redis.call('ZREM', key, A.contact) end
  end
end

-- A facet that is a field of the record is what the record says; any other is what is `said` of it now, or stays as it was. So
-- does a name that is not given: then whoever is on no list stays on none.
local function list(said, name, now)
  local facets, wanted = {}, { 'i.name' }
  for facet in pairs(K.facet) do
    facets[#facets + 1] = facet
    wanted[#wanted + 1] = 'i.' .. facet
    wanted[#wanted + 1] = facet
  end
  local known = redis.call('HMGET', K.record, unpack(wanted))
  local listed, same, lists = known[1], true, { K.everybody }
  local fields = { 'i.name', name or known[1] or '' }
  for n, facet in ipairs(facets) do
    local before = known[2 * n]
    local is = known[2 * n + 1] or said[facet] or before
    listed, same = listed or before, same and is == before
    if is then
      fields[#fields + 1] = 'i.' .. facet
      fields[#fields + 1] = is
      lists[#lists + 1] = K.facet[facet][is]
    end
  end
  if not name and not listed then return end
  if not same or known[1] ~= fields[2] then
    if listed then unlist() end
    redis.call('HSET', K.record, unpack(fields))
    if fields[2] ~= '' then redis.call('ZADD', K.names, 0, fields[2] .. '\n' .. A.contact) end
  end
  for _, key in ipairs(lists) do redis.call('ZADD', key, ms(now), A.contact) end
end
