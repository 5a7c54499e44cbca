-- Which contacts of a shard need attention now, for all lanes at once, in which lanes there are more than there is room for,
-- and when the next one will in the other lanes.
-- An offered contact is put off a little, so that two pollers do not race for it; the claim is what decides.
-- KEYS due per lane   ARGV skew put_off_ms room per lane      Answers: contacts per lane, now, next (-1: none), more per lane
local now = clock(ARGV[1])
local answer, more, next_due = {}, {}, -1
for lane = 1, #KEYS do
  local room = tonumber(ARGV[2 + lane])
  local offered = {}
  if room > 0 then
    offered = redis.call('ZRANGE', KEYS[lane], '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, room)
    for _, contact in ipairs(offered) do
      redis.call('ZADD', KEYS[lane], 'XX', ms(now + tonumber(ARGV[2])), contact)
    end
  end
  local head = tonumber(redis.call('ZRANGE', KEYS[lane], 0, 0, 'WITHSCORES')[2])
  more[lane] = head and head <= now and 1 or 0
  if head and head > now and (next_due < 0 or head < next_due) then next_due = head end
  answer[lane] = offered
end
answer[#answer + 1] = ms(now)
answer[#answer + 1] = ms(next_due)
answer[#answer + 1] = more
return answer
