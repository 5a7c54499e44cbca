-- An operator changes a conversation between turns. Whoever works on the older state loses the lane: that turn is taken again.
-- KEYS record log, index names by_human by_stage(5), queue jobs due of turns, depth, queue jobs due of mirror
-- ARGV skew contact shard debounce_ms cap_ms expected_state state owner timer_ms stage name row stages(5) (id body of mirror)...
-- An empty owner leaves the owner alone. Answers: ok | changed (somebody was faster: read again)
local record, log, queue, jobs, due = KEYS[1], KEYS[2], KEYS[11], KEYS[12], KEYS[13]
local contact, shard, state, owner, timer = ARGV[2], ARGV[3], ARGV[7], ARGV[8], ARGV[9]
local now = clock(ARGV[1])
if (redis.call('HGET', record, 'state') or '') ~= ARGV[6] then return 'changed' end
if redis.call('HEXISTS', record, 'epoch') == 0 then return 'changed' end
if redis.call('HEXISTS', record, 'moved_to') == 1 or redis.call('HEXISTS', record, 'erased') == 1 then return 'changed' end

redis.call('HSET', record, 'state', state)
if owner ~= '' then redis.call('HSET', record, 'owner', owner) end
if timer == '0' then redis.call('HDEL', record, 'timer') else redis.call('HSET', record, 'timer', timer) end
if ARGV[12] ~= '' then redis.call('XADD', log, '*', 'row', ARGV[12]) end
local stages = {}
for n = 13, 17 do stages[n - 12] = ARGV[n] end
list(3, record, contact, stages, ARGV[10], ARGV[11], now)

-- A turn under way did nothing wrong: it is taken again as if for the first time, with all its messages together.
if field(record, 'turns', 'lease') > now then
  for n, id in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
    local attempts = tonumber(redis.call('HGET', jobs, 'a:' .. id) or 0)
    if attempts == 0 then break end
    redis.call('HINCRBY', jobs, 'a:' .. id, -1)
    if n == 1 and attempts > 1 then break end -- it had been handed out alone
  end
end
give_back(record, 'turns') -- also from one whose lease has ended: it could still commit
schedule(record, queue, due, 'turns', contact, shard, now, tonumber(ARGV[4]), tonumber(ARGV[5]))
local told = {}
for n = 18, #ARGV, 2 do told[#told + 1] = { ARGV[n], ARGV[n + 1] } end
mirror(record, 15, KEYS[14], contact, shard, now, told)
return 'ok'
