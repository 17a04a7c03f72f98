-- ARGV: known head or '', its successor, now, the command that keeps the record for as long as its
--       lifetimes allow, and its argument, base, next version, nonce, guard, sent verifier,
--       'exact', 'retry', 'upgrade', or several of them, number of edits,
--       for each edit: field, the prefix of the expected value or 'none' or 'any', the value,
--       and then, if anything but values changes:
--       idle or '', absolute, persistent,
--       new secret or '', previous secret, until, replacement time or '' if it was renewed,
--       'login' or '', principal, since, label with a leading '+' or '',
--       'only' or '', the fields to keep
local key, now, sent_base, sent_next, nonce, conditions = KEYS[1], ARGV[3], ARGV[6], ARGV[7], ARGV[8], ARGV[11]
local record, refusal = read(key)
if not record then return refusal end
if not complete_writers(record) then return redis.error_reply('FORMAT broken') end
local before = record.version

local function answer(word)
    return { word, redis.call('HGETALL', key) }
end

-- Only a script that has written returns 'done': the server reports each write to the writer too,
-- and the writer counts these reports.
local function done(word)
    if record.version ~= sent_next then return answer(word) end
    -- A write ends the tracking of a key, even for the writer; a read starts it again.
    redis.call('EXISTS', key)
    return word
end

-- A repeat is recognised before any other check, because the first attempt may itself have changed
-- what is checked below.
if record.recent and string.find(record.recent, nonce, 1, true) or string.find(record.writes, nonce .. ':', 1, true) then
    return done('repeated')
end
-- A nonce that is not found does not prove that the commit was not applied: a later write of the
-- same process, or an entry dropped from the list, may have been this commit.
local base = tonumber(sent_base)
local mine = string.match(record.writes, '%x%x%x%x%x%x%x%x' .. string.sub(nonce, 9) .. ':(%d+),')
if tonumber(record.since) > base or mine and tonumber(mine) > base then
    if string.find(conditions, 'retry', 1, true) then return { 'unknown' } end
    return answer('conflict')
end
if not admits(ARGV[9], ARGV[10], record, now) then return answer('superseded') end

-- The version of a value, whatever its format. A value that cannot be parsed has no version that
-- could be expected.
local function version_of(value)
    return string.match(value, '^%d+ (%d+) ')
end

local function holds(field, expected)
    if expected == 'any' then return true end
    local value = redis.call('HGET', key, field)
    if expected == 'none' or not value then return expected == 'none' and not value end
    return version_of(value) == version_of(expected)
end

if base > tonumber(before) then return answer('conflict') end
if string.find(conditions, 'exact', 1, true) and before ~= sent_base then return answer('conflict') end
local rest = 13 + 3 * tonumber(ARGV[12])
for i = 13, rest - 1, 3 do
    if not holds(ARGV[i], ARGV[i + 1]) then return answer('conflict') end
end

local idle, absolute, persistent, secret, previous, lingers, replaced, login, principal, since, label, only =
    unpack(ARGV, rest, rest + 11)
-- Read before the first write: the server reports a write to every client that has read the key
-- since the last one, including the writer, which expects exactly one report. Only the read at the
-- end follows a write.
local fields = only == 'only' and redis.call('HGETALL', key) or {}

local upgrade = string.find(conditions, 'upgrade', 1, true)
if upgrade then record.recent = nil end
add_write(record, nonce, string.format('%.0f', before + (tonumber(sent_next) - base)))
if tonumber(now) > tonumber(record.seen) then record.seen = now end
if idle and idle ~= '' then
    record.idle, record.absolute, record.persistent = idle, absolute, persistent
end
if secret and secret ~= '' then record.secret = secret end
write(key, record, upgrade)

if secret and secret ~= '' then
    if previous ~= '' then
        redis.call('HSET', key, 'previous', previous, 'until', lingers)
    else
        redis.call('HDEL', key, 'previous', 'until')
    end
    if replaced ~= '' then
        redis.call('HSET', key, 'replaced', replaced)
    else
        redis.call('HDEL', key, 'replaced')
    end
end

if login == 'login' then
    redis.call('HSET', key, 'principal', principal, 'since', since)
    if label ~= '' then
        redis.call('HSET', key, 'label', string.sub(label, 2))
    else
        redis.call('HDEL', key, 'label')
    end
end

local head = '1 ' .. record.version .. ' '
if only == 'only' then
    local kept = {}
    for i = rest + 12, #ARGV do kept[ARGV[i]] = true end
    for i = 1, #fields, 2 do
        local name = fields[i]
        if string.sub(name, 1, 6) == 'value:' and not kept[name]
            and not string.find(fields[i + 1], '^%d+ %d+ %S+ removed$') then
            redis.call('HSET', key, name, head .. '- removed')
        end
    end
end

-- After the login has removed values, so that the values written by this commit stay.
local supposed = #('1 ' .. sent_next .. ' ')
for i = 13, rest - 1, 3 do
    redis.call('HSET', key, ARGV[i], head .. string.sub(ARGV[i + 2], supposed + 1))
end

keep(key, record.idle, record.absolute)
return done('done')
