-- ARGV: now, base, next version, nonce, guard, sent verifier,
--       'exact' or 'retry' or 'exact retry' or '', number of edits,
--       for each edit: field, the prefix of the expected value or 'none' or 'any', the value,
--       and then, if anything but values changes:
--       idle or '', absolute, persistent,
--       new secret or '', previous secret, until, replacement time or '' if it was renewed,
--       'login' or '', principal, since, label with a leading '+' or '',
--       'only' or '', the fields to keep
local key, now, nonce = KEYS[1], ARGV[1], ARGV[4]
local record = redis.call('HMGET', key,
    'format', 'version', 'recent', 'secret', 'previous', 'until', 'seen', 'idle', 'absolute', 'writers')
local refusal = refuse(key, record[1], record[2], record[7], record[8], record[9])
if refusal then return refusal end
local version, recent, seen = record[2], record[3], record[7]
-- From 2^53 on, a number cannot be distinguished from the next.
if tonumber(version) >= 2 ^ 53 or #string.match(recent or '', '^[0-9a-f]*') < 16 then
    return redis.error_reply('FORMAT broken')
end

local function answer(word)
    return { word, redis.call('HGETALL', key) }
end

-- Only a script that has written returns 'done': the server reports each write to the writer too,
-- and the writer counts these reports.
local function done(word)
    if version ~= ARGV[3] then return answer(word) end
    -- A write ends the tracking of a key, even for the writer; a read starts it again.
    redis.call('EXISTS', key)
    return word
end

-- A repeat is recognised before any other check, because the first attempt may itself have changed
-- what is checked below.
local forgotten, writes = writers_of(record[10], recent, version)
if string.find(recent, nonce, 1, true) or string.find(writes, nonce .. ':', 1, true) then return done('repeated') end
-- A nonce that is not found does not prove that the commit was not applied: a later write of the
-- same process, or an entry dropped from the list, may have been this commit.
local base = tonumber(ARGV[2])
local mine = string.match(writes, '%x%x%x%x%x%x%x%x' .. string.sub(nonce, 9) .. ':(%d+),')
if tonumber(forgotten) > base or mine and tonumber(mine) > base then
    if string.find(ARGV[7], 'retry', 1, true) then return { 'unknown' } end
    return answer('conflict')
end
if not admits(ARGV[5], ARGV[6], record[4], record[5], record[6], now, seen) then return answer('superseded') end

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

if base > tonumber(version) then return answer('conflict') end
if string.find(ARGV[7], 'exact', 1, true) and version ~= ARGV[2] then return answer('conflict') end
local rest = 9 + 3 * tonumber(ARGV[8])
for i = 9, rest - 1, 3 do
    if not holds(ARGV[i], ARGV[i + 1]) then return answer('conflict') end
end

local idle, absolute, persistent, secret, previous, lingers, replaced, login, principal, since, label, only =
    unpack(ARGV, rest, rest + 11)
-- Read before the first write: the server reports a write to every client that has read the key
-- since the last one, including the writer, which expects exactly one report. Only the read at the
-- end follows a write.
local fields = only == 'only' and redis.call('HGETALL', key) or {}

version = string.format('%.0f', version + (tonumber(ARGV[3]) - base))
local head = '1 ' .. version .. ' '
if tonumber(now) > tonumber(seen) then seen = now end
redis.call('HSET', key, 'version', version, 'recent', with_recent(recent, nonce),
    'writers', with_write(forgotten, writes, nonce, version), 'seen', seen)

if idle and idle ~= '' then
    redis.call('HSET', key, 'idle', idle, 'absolute', absolute, 'persistent', persistent)
else
    idle, absolute = record[8], record[9]
end

if secret and secret ~= '' then
    redis.call('HSET', key, 'secret', secret)
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
local supposed = #('1 ' .. ARGV[3] .. ' ')
for i = 9, rest - 1, 3 do
    redis.call('HSET', key, ARGV[i], head .. string.sub(ARGV[i + 2], supposed + 1))
end

keep(key, idle, absolute)
return done('done')
