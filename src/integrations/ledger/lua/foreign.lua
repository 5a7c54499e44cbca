-- What an erasure has to remove in other slots, before it may remove the rest.
-- K record seen out, lane (notes)   A where [held: lane token epoch]
-- Answers: nil when the claim that is held is lost, or
-- ids, wamids, names, places { lane, name, place }, known, when the person wrote last
if A.held and not holds(A.held.lane, A.held.token, A.held.epoch) then return nil end
local found = foreign()
return { found.ids, found.wamids, found.names, found.places, found.known, redis.call('HGET', K.record, 'heard') or '' }
