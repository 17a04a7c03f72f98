-- Fast path for nearly all commits: a change of one value, based on the latest version of the
-- record, under a secret that was not replaced. It takes as few steps as possible; every other
-- commit falls through to commit.lua.
if #ARGV == 11 then
    local key, now, nonce, field, expected = KEYS[1], ARGV[1], ARGV[4], ARGV[9], ARGV[10]
    local record = redis.call('HMGET', key,
        'format', 'version', 'recent', 'secret', 'seen', 'idle', 'absolute', field, 'writers')
    local idle, absolute, value = tonumber(record[6]), tonumber(record[7]), record[8]
    -- `tonumber` alone also accepts `nan` and `0x1f`.
    local function digits(text) return text and string.find(text, '^%d+$') end
    if record[1] == '1' and record[2] == ARGV[2] and (record[4] == ARGV[6] or ARGV[5] == 'anyone')
        and digits(record[5]) and digits(record[6]) and digits(record[7])
        and idle < 200000000000 and absolute < 9000000000000000 and tonumber(record[5]) < 9000000000000000
        and (expected == 'any' or value and string.sub(value, 1, #expected) == expected)
        and record[3] and string.find(record[3], '^' .. string.rep('[0-9a-f]', 16) .. ',')
        and not string.find(record[3], nonce, 1, true)
    then
        local since, writes = writers_of(record[9], record[3], ARGV[2])
        if tonumber(now) < tonumber(record[5]) then now = record[5] end
        redis.call('HSET', key, 'version', ARGV[3], 'recent', with_recent(record[3], nonce),
            'writers', with_write(since, writes, nonce, ARGV[3]), 'seen', now, field, ARGV[11])
        redis.call('PEXPIRE', key, idle + math.floor(idle / 10))
        redis.call('PEXPIREAT', key, absolute, 'LT')
        -- A write ends the tracking of a key, even for the writer; a read starts it again.
        redis.call('EXISTS', key)
        return 'done'
    end
end
