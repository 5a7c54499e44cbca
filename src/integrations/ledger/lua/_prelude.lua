-- Before every script. `K` and `C` were made above this line (see `Scripts` in store.py): `K` out of the names that the
-- caller gives its keys, so that K.record is KEYS[1] or wherever it stands; `C` is what never changes in that process. `A` is
-- all that the caller asks, by name; what it does not say is nil. So nothing here knows how many lanes there are, what people are
-- listed by, or in which order anything comes.
local A = cmsgpack.unpack(ARGV[1])
