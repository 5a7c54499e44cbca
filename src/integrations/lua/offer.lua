-- Which contacts of a shard need attention now, for all lanes at once, and when the next one will.
-- An offered contact is put off a little, so that two pollers do not race for it; the claim is what decides.
-- KEYS due per lane   ARGV skew put_off_ms room per lane
local now = clock(ARGV[1])
local answer, next_due = {}, -1
for lane = 1, #KEYS do
  local room = tonumber(ARGV[2 + lane])
  local offered = {}
  if room > 0 then
    offered = redis.call('ZRANGE', KEYS[lane], '-inf', ms(now), 'BYSCORE', 'LIMIT', 0, room)
    for _, contact in ipairs(offered) do
      redis.call('ZADD', KEYS[lane], 'XX', ms(now + tonumber(ARGV[2])), contact)
    end
    local head = redis.call('ZRANGE', KEYS[lane], 0, 0, 'WITHSCORES')
    if head[2] and (next_due < 0 or tonumber(head[2]) < next_due) then next_due = tonumber(head[2]) end
  end
  answer[lane] = offered
end
answer[#answer + 1] = ms(now)
answer[#answer + 1] = ms(next_due)
return answer
