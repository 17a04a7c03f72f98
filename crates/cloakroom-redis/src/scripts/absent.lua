-- The server tracks every key that a client reads, even one that does not exist, so a client that
-- sends made-up tokens would fill the server's table. RENAMENX does not count as a read and, with
-- the key as both names, changes nothing. If the user may not run it, assume that the key exists.
local function is_absent(key)
    local there = redis.pcall('RENAMENX', key, key)
    return type(there) == 'table' and there.err and string.find(there.err, 'no such key', 1, true)
end
