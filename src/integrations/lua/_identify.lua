-- Claims a message id and the person's aliases for a contact. Only where one script may touch several slots.
-- Returns nil when this contact is the right one, else what the caller must do.
local function identify(id_key, contact, remember_ms, first_alias)
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
  for i = first_alias, #KEYS do redis.call('SET', KEYS[i], contact, 'NX') end
  redis.call('SET', id_key, contact, 'NX', 'PX', remember_ms)
  return nil
end
