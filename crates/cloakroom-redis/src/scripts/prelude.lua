-- Ten years. Redis refuses lifetimes that do not fit into its own numbers.
local LONGEST = 315360000000
-- The year 287396: the largest number that scripts still count exactly.
local NEVER = 9007199254740992

-- Restarts the idle timeout of a record, or removes the record if its deadline has passed. Adds a
-- tenth because touches are reported with that much delay.
local function keep(key, idle, absolute)
    idle, absolute = tonumber(idle), tonumber(absolute)
    redis.call('PEXPIRE', key, string.format('%.0f', math.min(idle + math.floor(idle / 10), LONGEST)))
    if absolute < NEVER then redis.call('PEXPIREAT', key, string.format('%.0f', absolute), 'LT') end
end

-- Returns true if the guard accepts the secret that was sent. For a secret that was replaced,
-- `lingers` is 0, which has passed on every clock. For one that was renewed, the latest of the
-- caller's clock, the record and the server's clock counts, because any clock may lag.
local function admits(guard, shown, record, now)
    if guard == 'anyone' or shown == record.secret then return true end
    if guard ~= 'holder' or shown ~= record.previous then return false end
    local time = redis.call('TIME')
    local latest = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(now), tonumber(record.seen))
    return latest < (tonumber(record.lingers) or 0)
end
