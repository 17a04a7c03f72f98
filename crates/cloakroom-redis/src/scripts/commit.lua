-- ARGV: now, base, nonce, guard, shown,
--       idle or '', absolute, persistent,
--       new secret or '', previous secret, until,
--       'login' or '', principal, since, label with a leading '+' or '',
--       number of kept keys or '', the keys,
--       then for each edit: key, expected version or '*', the value's envelope without its head
local key, now, nonce = KEYS[1], ARGV[1], ARGV[3]
local record = redis.call('HMGET', key,
    'format', 'version', 'recent', 'secret', 'previous', 'until', 'seen', 'idle', 'absolute')
local refusal = refuse(key, record[1], record[2], record[7], record[8], record[9])
if refusal then return refusal end
local version, recent, seen = tonumber(record[2]), record[3], record[7]
-- From 2^53 on, a number does not differ from the next.
if version >= 2 ^ 53 or #string.match(recent or '', '^[0-9a-f]*') < 16 then
    return redis.error_reply('FORMAT broken')
end

local function answer(word)
    return { word, redis.call('HGETALL', key) }
end

-- Recognised before anything else: the first attempt may itself have changed what is checked below.
if string.find(recent, nonce .. ',', 1, true) then
    if tonumber(ARGV[2]) + 1 == version then
        redis.call('HGET', key, 'version')
        return { 'done', record[2] }
    end
    return answer('done')
end

local time = clock()
local latest = math.max(time, tonumber(now), tonumber(seen))
if not admits(ARGV[4], ARGV[5], record[4], record[5], record[6], latest) then
    return answer('superseded')
end

local first = 17
if ARGV[16] ~= '' then first = first + tonumber(ARGV[16]) end

local function field(name) return 'value:' .. name end

local function version_of(name)
    local value = redis.call('HGET', key, field(name))
    -- What does not read has no version that anybody can expect.
    return value and string.match(value, '^%d+ (%d+) ') or (value and 'unreadable' or '0')
end

for i = first, #ARGV, 3 do
    if ARGV[i + 1] ~= '*' and version_of(ARGV[i]) ~= ARGV[i + 1] then return answer('conflict') end
end

version = string.format('%.0f', version + 1)
local head = '1 ' .. version .. ' '
-- The nonces of the last eight writes: a repeat is recognised also after others have written.
recent = string.sub(nonce .. ',' .. recent, 1, 8 * 17)
if tonumber(now) > tonumber(seen) then seen = now end
redis.call('HSET', key, 'version', version, 'recent', recent, 'seen', seen)

local idle, absolute = record[8], record[9]
if ARGV[6] ~= '' then
    idle, absolute = ARGV[6], ARGV[7]
    redis.call('HSET', key, 'idle', idle, 'absolute', absolute, 'persistent', ARGV[8])
end

if ARGV[9] ~= '' then
    redis.call('HSET', key, 'secret', ARGV[9])
    if ARGV[10] ~= '' then
        redis.call('HSET', key, 'previous', ARGV[10], 'until', ARGV[11])
    else
        redis.call('HDEL', key, 'previous', 'until')
    end
end

if ARGV[12] ~= '' then
    redis.call('HSET', key, 'principal', ARGV[13], 'since', ARGV[14])
    if ARGV[15] ~= '' then
        redis.call('HSET', key, 'label', string.sub(ARGV[15], 2))
    else
        redis.call('HDEL', key, 'label')
    end
end

if ARGV[16] ~= '' then
    local kept = {}
    for i = 17, first - 1 do kept[field(ARGV[i])] = true end
    local fields = redis.call('HGETALL', key)
    for i = 1, #fields, 2 do
        local name = fields[i]
        if string.sub(name, 1, 6) == 'value:' and not kept[name]
            and not string.find(fields[i + 1], '^%d+ %d+ %S+ removed$') then
            redis.call('HSET', key, name, head .. '- removed')
        end
    end
end

-- After the login has cleared away: what it writes itself stays.
for i = first, #ARGV, 3 do
    redis.call('HSET', key, field(ARGV[i]), head .. ARGV[i + 2])
end

keep(key, time, idle, absolute)
-- A write ends the tracking of a key, also for the writer; a read begins it again.
if tonumber(ARGV[2]) + 1 == tonumber(version) then
    redis.call('HGET', key, 'version')
    return { 'done', version }
end
return { 'done', version, redis.call('HGETALL', key) }
