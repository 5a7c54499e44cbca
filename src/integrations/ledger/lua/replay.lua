-- A dead letter goes back into its lane as if it had never been tried.
-- K record depth dead letters lane [out of a lane that sends]   A lane id      Answers: ok | unknown
local letter = redis.call('HGET', K.letters, A.lane .. ':' .. A.id)
if not letter then return 'unknown' end
append(A.lane, A.id, cjson.decode(letter).body)
if K.out then redis.call('HSET', K.out, 's:' .. A.id, 'queued') end
redis.call('HDEL', K.letters, A.lane .. ':' .. A.id)
redis.call('ZREM', K.dead, A.contact .. ' ' .. A.lane .. ':' .. A.id)
schedule(A.lane, clock())
return 'ok'
