-- Fast path for nearly all commits: a change of one value of a record that is as the caller knows
-- it. Equal heads prove that nothing but `seen` has changed, so nothing has to be parsed. A second
-- edit is the seal of an encrypted record. Every other commit falls through to commit.lua.
if ARGV[1] ~= '' and (#ARGV == 15 or #ARGV == 18 and ARGV[17] == 'any') then
    local key, seen, field, expected = KEYS[1], ARGV[3], ARGV[13], ARGV[14]
    local record = redis.call('HMGET', key, 'head', 'seen', field)
    local known, value = record[2], record[3]
    if record[1] == ARGV[1] and known and #known <= 16 and string.find(known, '^%d+$')
        and (expected == 'any' or expected == 'none' and not value
            or expected ~= 'none' and value and string.sub(value, 1, #expected) == expected)
    then
        if tonumber(known) > tonumber(seen) then seen = known end
        if #ARGV == 15 then
            redis.call('HSET', key, 'head', ARGV[2], 'seen', seen, field, ARGV[15])
        else
            redis.call('HSET', key, 'head', ARGV[2], 'seen', seen, field, ARGV[15], ARGV[16], ARGV[18])
        end
        redis.call(ARGV[4], key, ARGV[5])
        -- A write ends the tracking of a key, even for the writer; a read starts it again.
        redis.call('EXISTS', key)
        return 'done'
    end
end
