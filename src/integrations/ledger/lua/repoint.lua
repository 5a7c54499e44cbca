-- A name that means one contact means another from now on, unless it has changed or gone meanwhile. Its time to live stays.
-- K name   A from ("": whatever it means) to
local means = redis.call('GET', K.name)
if means and (A.from == '' or means == A.from) then
  local left_ms = redis.call('PTTL', K.name)
  redis.call('DEL', K.name) -- a full store lets the rest pass
  redis.call('SET', K.name, A.to)
  if left_ms > 0 then redis.call('PEXPIRE', K.name, left_ms) end
end
return 'ok'
