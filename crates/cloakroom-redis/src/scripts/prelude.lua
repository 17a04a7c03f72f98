-- Ten years. Redis refuses lifetimes that do not fit into its own numbers.
local LONGEST = 315360000000
-- The year 287396, and a number that scripts still count exactly.
local NEVER = 9007199254740992

-- Restarts the idle timeout of a record, or removes the record if its time is over. A tenth is
-- added because touches are reported that seldom.
local function keep(key, idle, absolute)
    idle, absolute = tonumber(idle), tonumber(absolute)
    redis.call('PEXPIRE', key, string.format('%.0f', math.min(idle + math.floor(idle / 10), LONGEST)))
    if absolute < NEVER then redis.call('PEXPIREAT', key, string.format('%.0f', absolute), 'LT') end
end

-- Whether the record is in a form that this script understands; if not, the reply that says so. The
-- numbers that the script is going to use must be some: what a script that fails has written stays.
local function refuse(key, format, ...)
    if format == '1' then
        for i = 1, select('#', ...) do
            local number = select(i, ...)
            -- `tonumber` alone also takes `nan`, `inf` and `0x1f`.
            if not (number and #number <= 20 and string.find(number, '^%d+$')) then
                return redis.error_reply('FORMAT broken')
            end
        end
        return nil
    end
    -- Never as it is: an error that is no text would end the connection, for everybody who shares it.
    if format then return redis.error_reply('FORMAT ' .. (string.match(format, '^%d%d?%d?$') or 'unknown')) end
    if redis.call('EXISTS', key) == 1 then return redis.error_reply('FORMAT none') end
    return { 'gone' }
end

-- Whether the secret that was shown lets its holder write. Of one that was replaced, `lingers` is 0, which is over for
-- every clock. Of one that was renewed, the latest instant counts of the caller's, the record's and the
-- server's own, because any of the clocks may lag behind.
local function admits(guard, shown, secret, previous, lingers, now, seen)
    if guard == 'anyone' or shown == secret then return true end
    if guard ~= 'holder' or shown ~= previous then return false end
    local time = redis.call('TIME')
    local latest = math.max(time[1] * 1000 + math.floor(time[2] / 1000), tonumber(now), tonumber(seen))
    return latest < (tonumber(lingers) or 0)
end
