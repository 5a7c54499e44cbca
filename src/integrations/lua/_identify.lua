-- Whose item this is, by its id and the person's aliases. Only where one script may touch several slots; KEYS[first_alias]
-- and on are the aliases. Returns nil when this contact is the right one, else what the caller must do.
local function identify(id_key, contact, first_alias)
  local owner = redis.call('GET', id_key)
  if owner == '-' then return { 'duplicate' } end
  if owner and owner ~= contact then return { 'other', owner } end
  local found = nil
  for i = first_alias, #KEYS do
    local alias = redis.call('GET', KEYS[i])
    if alias then
      if found and alias ~= found then return { 'merge', found, alias } end
      found = alias
    end
  end
  if found and found ~= contact and not owner then return { 'other', found } end
  return nil
end
