-- What the house decides is changed: all of it, or nothing.
-- K settings changes
-- A seen by kept changes: { name, value }; an empty value takes the stored one away
-- `seen` is the version that whoever changes it had read: a setting that somebody else changed since, to something else, is a clash.
-- A setting is stored as { value, version, at, by }; `version` counts the changes. Equal to what it was, nothing changes.
-- Answers: { 'ok', version } | { 'clash', the names of settings that changed since ... }
local now = clock()
local version = tonumber(redis.call('HGET', K.settings, 'version') or 0)
local clashes, changed = { 'clash' }, {}
for _, change in ipairs(A.changes) do
  local name, value = unpack(change)
  local known = redis.call('HGET', K.settings, 'is ' .. name)
  local before = known and cjson.decode(known) or { value = '', version = 0 }
  if before.value ~= value then
    if A.seen and before.version > A.seen then clashes[#clashes + 1] = name end
    changed[#changed + 1] = { name, value, before.value }
  end
end
if #clashes > 1 then return clashes end
if #changed == 0 then return { 'ok', version } end
version = version + 1
redis.call('HSET', K.settings, 'version', version)
for _, change in ipairs(changed) do
  local name, value, before = unpack(change)
  -- One that was taken away is remembered as such, so that who still sees it clashes.
  redis.call('HSET', K.settings, 'is ' .. name, cjson.encode({ value = value, version = version, at = ms(now), by = A.by }))
  local told = cjson.encode({ version = version, at = ms(now), by = A.by, name = name, before = before, after = value })
  redis.call('XADD', K.changes, 'MAXLEN', A.kept, '*', 'change', told)
end
return { 'ok', version }
