-- Which contacts of a shard need attention now, for all lanes at once, in which lanes there are more than there is room for,
-- and when the next one will in the other lanes.
-- An offered contact is put off a little, so that two pollers do not race for it; the claim is what decides.
-- K lane (due)   A put_off_ms room.<lane>
-- Answers: now, next (-1: none), then for each lane { its name, 1 when more are due, contacts }
local now = clock()
local answer, next_due = {}, -1
for lane, its in pairs(K.lane) do
  local offered = {}
  if A.room[lane] > 0 then
    offered = redis.call('ZRANGE', its.due, '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, A.room[lane])
    for _, contact in ipairs(offered) do
      redis.call('ZADD', its.due, 'XX', ms(now + A.put_off_ms), contact)
    end
  end
  local head = tonumber(redis.call('ZRANGE', its.due, 0, 0, 'WITHSCORES')[2])
  if head and head > now and (next_due < 0 or head < next_due) then next_due = head end
  answer[#answer + 1] = { lane, head and head <= now and 1 or 0, offered }
end
return { ms(now), ms(next_due), unpack(answer) }
