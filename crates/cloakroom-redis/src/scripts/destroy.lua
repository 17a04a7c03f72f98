-- ARGV: now, guard, sent verifier
local key = KEYS[1]
if ARGV[2] ~= 'anyone' then
    local record, refusal = read(key)
    if not record then return refusal end
    if not admits(ARGV[2], ARGV[3], record, ARGV[1]) then return { 'superseded' } end
end
return { redis.call('DEL', key) == 1 and 'done' or 'gone' }
