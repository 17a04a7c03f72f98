-- ARGV: seen, guard, sent verifier
local key = KEYS[1]
if is_absent(key) then return 'gone' end
local record = read(key)
if not record then return 'gone' end
if not admits(ARGV[2], ARGV[3], record, ARGV[1]) then return 'superseded' end
-- An instant that is not newer is not written: each write invalidates the copies of the other
-- nodes.
if tonumber(ARGV[1]) <= tonumber(record.seen) then return 'known' end
redis.call('HSET', key, 'seen', ARGV[1])
keep(key, record.idle, record.absolute)
-- A write ends the tracking of a key, even for the writer; a read starts it again.
redis.call('EXISTS', key)
return 'done'
