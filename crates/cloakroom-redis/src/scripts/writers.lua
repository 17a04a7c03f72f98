-- Completes the last write of each process, `writes`: its nonce, a colon, its version and a comma,
-- newest first; `since` is the version up to which writes may be missing. In format 1, a node of an
-- earlier release updates only `recent`, the nonces of the last writes; in that case the newest
-- entry is not the record's last write. Returns false if the record is damaged.
local function complete_writers(record)
    -- From 2^53 on, a number cannot be distinguished from the next.
    if tonumber(record.version) >= 2 ^ 53 then return false end
    local write = string.rep('[0-9a-f]', 16) .. ':%d+,'
    local is_list = is_number(record.since) and string.gsub(record.writes or '', write, '') == ''
        and not string.find(record.writes or '', ':' .. string.rep('%d', 17))
    if record.format == '2' then return is_list end
    if not is_list then record.since, record.writes = record.version, '' end
    if not string.find(record.recent or '', '^' .. string.rep('[0-9a-f]', 16)) then return false end
    local newest, at = string.match(record.writes or '', '^([0-9a-f]+):(%d+),')
    if newest ~= string.sub(record.recent, 1, 16) or at ~= record.version then record.since = record.version end
    record.writes = record.writes or ''
    return true
end

-- Adds a write, in place of the last one of its process.
local function add_write(record, nonce, version)
    local process = '%x%x%x%x%x%x%x%x' .. string.sub(nonce, 9)
    local writes = string.gsub(record.writes, process .. ':%d+,', '')
    local _, seventh = string.find(writes, string.rep('[^,]*,', 7))
    if seventh and seventh < #writes then
        local forgotten = string.match(writes, ':(%d+),', seventh + 1)
        if tonumber(forgotten) > tonumber(record.since) then record.since = forgotten end
        writes = string.sub(writes, 1, seventh)
    end
    record.writes = nonce .. ':' .. version .. ',' .. writes
    -- For nodes of an earlier release. Keeps one per process, so that a single process cannot push
    -- out the others.
    if record.recent then
        record.recent = nonce .. ',' .. string.sub(string.gsub(record.recent, process .. ',', ''), 1, 119)
    end
    record.version = version
end

-- Writes the fields that decide in the format of the record, or in format 2 if `upgrade` is set.
local function write(key, record, upgrade)
    if record.format == '1' and not upgrade then
        redis.call('HSET', key, 'version', record.version, 'recent', record.recent,
            'writers', record.since .. ' ' .. record.writes, 'secret', record.secret, 'seen', record.seen,
            'idle', record.idle, 'absolute', record.absolute, 'persistent', record.persistent)
        return
    end
    local head = table.concat({ record.version, record.secret, record.idle, record.absolute, record.persistent,
        record.created, record.since, record.writes }, ' ')
    redis.call('HSET', key, 'head', head, 'seen', record.seen)
    if record.format == '1' then
        redis.call('HSET', key, 'format', '2')
        redis.call('HDEL', key, 'version', 'recent', 'writers', 'secret', 'idle', 'absolute', 'persistent', 'created')
    end
end
