-- The number's own limit: a bucket of tokens, refilled at `per_s`. A paused number gives none.
-- K number   A per_s burst wanted      Answers: ms to wait before trying again, 0 when granted
local now = clock()
local stored = redis.call('HMGET', K.number, 'tokens', 'at', 'paused_until')
local paused_until = tonumber(stored[3] or 0)
if paused_until > now then return ms(paused_until - now) end
local tokens = math.min(A.burst, tonumber(stored[1] or A.burst) + math.max(0, now - tonumber(stored[2] or now)) * A.per_s / 1000)
local wait = 0
if tokens >= A.wanted then tokens = tokens - A.wanted else wait = math.ceil((A.wanted - tokens) * 1000 / A.per_s) end
redis.call('HSET', K.number, 'tokens', tokens, 'at', ms(now))
return ms(wait)
