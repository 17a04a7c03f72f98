-- `tonumber` alone also accepts `nan`, `inf` and `0x1f`.
local function is_number(text)
    return text and #text <= 20 and string.find(text, '^%d+$') ~= nil
end

-- Reads the fields that decide, whatever the format of the record. Returns nil and a reply if there
-- is no record, or none that this script understands. The numbers that the scripts use must be
-- valid, because the writes of a script that fails midway are kept.
local function read(key)
    local fields = redis.call('HMGET', key, 'format', 'seen', 'previous', 'until', 'head')
    local record = { format = fields[1], seen = fields[2], previous = fields[3], lingers = fields[4] }
    if record.format == '2' then
        record.version, record.secret, record.idle, record.absolute, record.persistent, record.created, record.since,
            record.writes = string.match(fields[5] or '',
            '^(%d+) (%x+) (%d+) (%d+) ([01]) (%d+) (%d+) ([0-9a-f]+:%1,[0-9a-f:,]*)$')
    elseif record.format == '1' then
        local old = redis.call('HMGET', key,
            'version', 'secret', 'idle', 'absolute', 'persistent', 'created', 'writers', 'recent')
        record.version, record.secret, record.idle, record.absolute = old[1], old[2], old[3], old[4]
        record.persistent, record.created, record.recent = old[5] == '1' and '1' or '0', old[6], old[8]
        record.since, record.writes = string.match(old[7] or '', '^(%d+) ([0-9a-f:,]*)$')
    elseif record.format then
        -- Never echo the format verbatim: an error that is not text would end the connection for
        -- every request that shares it.
        local name = string.match(record.format, '^%d%d?%d?$') or 'unknown'
        return nil, redis.error_reply('FORMAT ' .. name)
    elseif redis.call('EXISTS', key) == 1 then
        return nil, redis.error_reply('FORMAT none')
    else
        return nil, { 'gone' }
    end
    for _, number in ipairs({ 'version', 'seen', 'idle', 'absolute', 'created' }) do
        if not is_number(record[number]) then return nil, redis.error_reply('FORMAT broken') end
    end
    local secret = record.secret or ''
    if #secret ~= 32 or string.find(secret, '[^0-9a-f]') then return nil, redis.error_reply('FORMAT broken') end
    return record
end
