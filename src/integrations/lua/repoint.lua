-- A name that means one contact means another from now on, unless it has changed or gone meanwhile.
-- KEYS name   ARGV from to
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL') end
return 'ok'
