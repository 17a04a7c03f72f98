-- The server remembers who has read a key, also one that does not exist: whoever shows made-up tokens would fill its
-- table. This is no read, and changes nothing. Where it cannot be asked, what it would say is not known.
local function is_absent(key)
    local there = redis.pcall('RENAMENX', key, key)
    return type(there) == 'table' and there.err and string.find(there.err, 'no such key', 1, true)
end
