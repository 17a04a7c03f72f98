-- Parses `writers`, the last write of each process that wrote the record: the version up to which
-- writes may be missing, a space, then for each process its nonce, a colon, its version and a
-- comma, newest first. A node of an earlier release does not update the field; in that case the
-- newest entry is not the record's last write.
local function writers_of(writers, recent, version)
    local since, writes = string.match(writers or '', '^(%d+) ([0-9a-f:,]*)$')
    local newest, at = string.match(writes or '', '^([0-9a-f]+):(%d+),')
    if newest ~= string.sub(recent, 1, 16) or at ~= version then since = version end
    return since, writes or ''
end

-- Adds a write to the list, in place of the last one of its process.
local function with_write(since, writes, nonce, version)
    writes = string.gsub(writes, '%x%x%x%x%x%x%x%x' .. string.sub(nonce, 9) .. ':%d+,', '')
    local _, seventh = string.find(writes, string.rep('[^,]*,', 7))
    if seventh and seventh < #writes then
        local forgotten = string.match(writes, ':(%d+),', seventh + 1)
        if tonumber(forgotten) > tonumber(since) then since = forgotten end
        writes = string.sub(writes, 1, seventh)
    end
    return since .. ' ' .. nonce .. ':' .. version .. ',' .. writes
end

-- Adds a nonce to `recent`, the nonces of the last writes, for nodes of an earlier release. Keeps
-- one per process, so that a single process cannot push out the others.
local function with_recent(recent, nonce)
    recent = string.gsub(recent, '%x%x%x%x%x%x%x%x' .. string.sub(nonce, 9) .. ',', '')
    return nonce .. ',' .. string.sub(recent, 1, 119)
end

