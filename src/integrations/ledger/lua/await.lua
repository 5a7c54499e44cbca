-- Somebody waits for what is said next: until then nobody else works on this lane, unless what is in it comes too late.
-- K record, lane (due)   A lane hold_ms
-- Answers: waited | unknown (nobody of that name is here)
local now = clock()
if redis.call('HEXISTS', K.record, 'epoch') == 0 then return 'unknown' end
local hold = unless_made_ahead(field(A.lane, 'hold'), now)
redis.call('HSET', K.record, A.lane .. '.hold', ms(math.max(hold, now + A.hold_ms)))
schedule(A.lane, now)
return 'waited'
