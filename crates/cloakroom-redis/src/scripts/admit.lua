-- ARGV: tag, limit or '', 'reject' or 'end-oldest', 'decide' or '', how long to keep the index,
--       then members that are known to be dead
local key, tag, limit = KEYS[1], ARGV[1], tonumber(ARGV[2])
for i = 6, #ARGV do redis.call('ZREM', key, ARGV[i]) end
if redis.call('ZSCORE', key, tag) then return { 'admitted', {}, {} } end

local displaced = {}
local excess = limit and redis.call('ZCARD', key) - limit
if excess and excess >= 0 then
    -- Records may be in other slots, so only the caller can find out which members are alive.
    if ARGV[4] ~= 'decide' then return { 'full', redis.call('ZRANGE', key, 0, -1) } end
    if ARGV[3] == 'reject' then return { 'refused' } end
    displaced = redis.call('ZRANGE', key, 0, excess)
    redis.call('ZREM', key, unpack(displaced))
end

-- Microseconds, and never a tie: the order of admission is the order of the index.
local time = redis.call('TIME')
local score = time[1] * 1000000 + time[2]
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
if last[2] and tonumber(last[2]) >= score then score = tonumber(last[2]) + 1 end
redis.call('ZADD', key, string.format('%.0f', score), tag)
redis.call('PEXPIRE', key, ARGV[5])

-- Members that died of age leave by and by, at the next logins.
local old = {}
if redis.call('ZCARD', key) > 16 then old = redis.call('ZRANGE', key, 0, 7) end
return { 'admitted', displaced, old }
