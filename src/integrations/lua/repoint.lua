-- A name that means one contact means another from now on, unless it has changed or gone meanwhile. Its time to live stays.
-- KEYS name   ARGV from ("": whatever it means) to
local means = redis.call('GET', KEYS[1])
if means and (ARGV[1] == '' or means == ARGV[1]) then
  local left_ms = redis.call('PTTL', KEYS[1])
  redis.call('DEL', KEYS[1]) -- a full store lets the rest pass
  redis.call('SET', KEYS[1], ARGV[2])
  if left_ms > 0 then redis.call('PEXPIRE', KEYS[1], left_ms) end
end
return 'ok'
