-- ARGV: the field that identifies the creation, and its content, idle, absolute, then the record's
--       fields and values in turn
local key = KEYS[1]
if redis.call('EXISTS', key) == 1 then
    -- The record may come from an earlier attempt of this call, unless it was written since.
    return redis.call('HGET', key, ARGV[1]) == ARGV[2] and 'repeated' or 'exists'
end
redis.call('HSET', key, unpack(ARGV, 5))
keep(key, ARGV[3], ARGV[4])
-- A write ends the tracking of a key, even for the writer; a read starts it again.
redis.call('EXISTS', key)
return 'done'
