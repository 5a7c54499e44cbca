-- The number's own limit: a bucket of tokens, refilled at `per_s`. A paused number gives none.
-- KEYS bucket   ARGV skew per_s burst wanted      Answers: ms to wait before trying again, 0 when granted
local now = clock(ARGV[1])
local per_s, burst, wanted = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at', 'paused_until')
local paused_until = tonumber(stored[3] or 0)
if paused_until > now then return ms(paused_until - now) end
local tokens = math.min(burst, tonumber(stored[1] or burst) + math.max(0, now - tonumber(stored[2] or now)) * per_s / 1000)
local wait = 0
if tokens >= wanted then tokens = tokens - wanted else wait = math.ceil((wanted - tokens) * 1000 / per_s) end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', ms(now))
return ms(wait)
