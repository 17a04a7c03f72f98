-- Ten years. Redis refuses lifetimes that do not fit into its own numbers.
local LONGEST = 315360000000

-- The server's own clock in milliseconds, because those of the callers may be wrong.
local function clock()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Restarts the idle timeout of a record, or removes the record if its time is over. A tenth is
-- added because touches are reported that seldom.
local function keep(key, now, idle, absolute)
    idle = tonumber(idle)
    local left = math.min(idle + math.floor(idle / 10), tonumber(absolute) - now, LONGEST)
    if left < 1 then
        redis.call('DEL', key)
    else
        redis.call('PEXPIRE', key, string.format('%.0f', left))
    end
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

-- Whether the secret that was shown lets its holder write at this instant.
local function admits(guard, shown, secret, previous, lingers, now)
    if guard == 'anyone' or shown == secret then return true end
    return guard == 'holder' and shown == previous and now < (tonumber(lingers) or 0)
end
