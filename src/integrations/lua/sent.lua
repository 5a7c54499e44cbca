-- Notes the vendor's id of a message beside its status, so that an erasure knows of it.
-- KEYS record out   ARGV outbox_id wamid      Answers: noted | unknown (nothing of this person is to be kept) | moved <contact>
local record, out = KEYS[1], KEYS[2]
if redis.call('HEXISTS', out, 's:' .. ARGV[1]) == 0 or redis.call('HEXISTS', record, 'erased') == 1 then
  local moved = redis.call('HGET', record, 'moved_to')
  return moved and { 'moved', moved } or { 'unknown' }
end
redis.call('HSET', out, 'w:' .. ARGV[1], ARGV[2])
return { 'noted' }
