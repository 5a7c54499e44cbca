-- What an erasure has to remove in other slots, before it may remove the rest.
-- KEYS record seen out   ARGV lane token epoch      Answers: nil when the given claim is lost, or ids, wamids, names, known
if ARGV[1] ~= '' and not holds(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) then return nil end
local found = foreign(KEYS[1], KEYS[2], KEYS[3])
return { found.ids, found.wamids, found.names, found.known }
