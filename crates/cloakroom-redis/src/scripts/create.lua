-- ARGV: nonce and a comma, idle, absolute, then the record's fields and their contents in turn
local key = KEYS[1]
if redis.call('EXISTS', key) == 1 then
    -- An earlier attempt of this very call, unless somebody has written since.
    return redis.call('HGET', key, 'recent') == ARGV[1] and 'repeated' or 'exists'
end
redis.call('HSET', key, unpack(ARGV, 4))
keep(key, ARGV[2], ARGV[3])
-- A write ends the tracking of a key, also for the writer; a read begins it again.
redis.call('EXISTS', key)
return 'done'
