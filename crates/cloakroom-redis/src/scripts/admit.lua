-- ARGV: selector, limit or '', 'reject' or 'end-oldest', 'decide' or '', latest end of the session,
--       maximum number of members in a reply, then members that are known to be dead
local key, tag, limit, batch = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[6])
for i = 7, #ARGV do redis.call('ZREM', key, ARGV[i]) end

local time = redis.call('TIME')
-- One hour beyond any session, because a login computes the session's end anew when it is
-- committed.
local HOUR = 3600000
-- Ten years. Redis refuses lifetimes that do not fit into its own numbers.
local LONGEST = 315360000000

-- Keeps the index until the latest session end that it was given. The ends of the other members are
-- not stored; only the expiry that was set for them earlier is known.
local function keep(alone)
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    local at = math.min(math.max(tonumber(ARGV[5]), now) + HOUR, now + LONGEST)
    at = string.format('%.0f', at)
    if alone then redis.call('PEXPIREAT', key, at) else redis.call('PEXPIREAT', key, at, 'GT') end
end

-- Members for the caller to probe: the oldest, and as many from an arbitrary position in the index,
-- so that dead members are found in time even if live ones come first.
local function some(count)
    local members = redis.call('ZRANGE', key, 0, count - 1)
    local others = redis.call('ZCARD', key) - count
    if others > 0 then
        local start = count + time[2] % math.max(others - count + 1, 1)
        for _, member in ipairs(redis.call('ZRANGE', key, start, start + count - 1)) do
            members[#members + 1] = member
        end
    end
    return members
end

-- The oldest members other than the new one. They stay in the index until they have ended, because
-- the caller that should end them may never receive this reply.
local function oldest(count)
    local members = {}
    for _, member in ipairs(redis.call('ZRANGE', key, 0, count)) do
        if member ~= tag and #members < count then members[#members + 1] = member end
    end
    return members
end

local displaced = {}
local members = redis.call('ZCARD', key)
local is_member = redis.call('ZSCORE', key, tag)
local excess = limit and members - limit + (is_member and 0 or 1) or 0
if excess > 0 and not (is_member and ARGV[3] == 'reject') then
    -- Records may be in other slots, so only the caller can find out which members are alive.
    if ARGV[4] ~= 'decide' then return { 'full', some(members <= batch and members or 32) } end
    if ARGV[3] == 'reject' then return { 'refused' } end
    displaced = oldest(math.min(excess, batch))
    if excess > batch then return { 'incomplete', displaced } end
end
if is_member then
    keep(members == 1)
    return { 'admitted', displaced, {} }
end

-- In microseconds and never equal: the order of admission is the order of the index.
local score = time[1] * 1000000 + time[2]
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
if last[2] and tonumber(last[2]) >= score then score = tonumber(last[2]) + 1 end
redis.call('ZADD', key, string.format('%.0f', score), tag)
local count = redis.call('ZCARD', key)
keep(count == 1)

-- Members that died of age are removed gradually, at later logins.
return { 'admitted', displaced, count > 16 and some(8) or {} }
