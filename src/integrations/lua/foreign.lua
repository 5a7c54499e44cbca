-- What an erasure has to remove in other slots, before it may remove the rest.
-- KEYS record seen out crm   ARGV lane token epoch      Answers: nil when the given claim is lost, or
-- ids, wamids, names, known, its conversation in the CRM, when it last wrote
if ARGV[1] ~= '' and not holds(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return nil end
local found = foreign(KEYS[1], KEYS[2], KEYS[3], KEYS[4])
local heard = redis.call('HGET', KEYS[1], 'heard') or ''
return { found.ids, found.wamids, found.names, found.known, found.place, heard }
