-- Whose item this is, by its id and the person's aliases. Only where one script may touch several slots, so that K.id and
-- K.aliases are given. Returns nil when this contact is the right one, else what the caller must do.
local function identify()
  local owner = redis.call('GET', K.id)
  if owner == '-' then return { 'duplicate' } end
  if owner and owner ~= A.contact then return { 'other', owner } end
  local found = nil
  for _, key in ipairs(K.aliases) do
    local alias = redis.call('GET', key)
    if alias then
      if found and alias ~= found then return { 'merge', found, alias } end
      found = alias
    end
  end
  if found and found ~= A.contact and not owner then return { 'other', found } end
  return nil
end
