-- ARGV: seen, guard, sent verifier
local key = KEYS[1]
if is_absent(key) then return 'gone' end
local record = redis.call('HMGET', key, 'format', 'seen', 'idle', 'absolute', 'secret', 'previous', 'until')
if refuse(key, record[1], record[2], record[3], record[4]) then return 'gone' end
if not admits(ARGV[2], ARGV[3], record[5], record[6], record[7], ARGV[1], record[2]) then return 'superseded' end
-- An instant that is not newer is not written: each write invalidates the copies of the other
-- nodes.
if tonumber(ARGV[1]) <= tonumber(record[2]) then return 'known' end
redis.call('HSET', key, 'seen', ARGV[1])
keep(key, record[3], record[4])
-- A write ends the tracking of a key, even for the writer; a read starts it again.
redis.call('EXISTS', key)
return 'done'
