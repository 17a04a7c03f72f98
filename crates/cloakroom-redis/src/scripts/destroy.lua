-- ARGV: now, guard, sent verifier
local key = KEYS[1]
if ARGV[2] ~= 'anyone' then
    local record = redis.call('HMGET', key, 'format', 'secret', 'previous', 'until', 'seen')
    local refusal = refuse(key, record[1], record[5])
    if refusal then return refusal end
    if not admits(ARGV[2], ARGV[3], record[2], record[3], record[4], ARGV[1], record[5]) then
        return { 'superseded' }
    end
end
return { redis.call('DEL', key) == 1 and 'done' or 'gone' }
