-- The last write of each process that wrote the record, as in `writers`: the version up to which some may be missing, a
-- space, then for each its nonce, a colon, its version and a comma, newest first. A node of an earlier release leaves
-- the field alone, so that the newest of them is not the record's last write then.
local function writers_of(writers, recent, version)
    local since, writes = string.match(writers or '', '^(%d+) ([0-9a-f:,]*)$')
    local newest, at = string.match(writes or '', '^([0-9a-f]+):(%d+),')
    if newest ~= string.sub(recent, 1, 16) or at ~= version then since = version end
    return since, writes or ''
end

-- The same with one more write, in place of the last one of its process.
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

-- The nonces of the last writes, for nodes of an earlier release: one for each process, so that their own are not
-- pushed out by a single one.
local function with_recent(recent, nonce)
    recent = string.gsub(recent, '%x%x%x%x%x%x%x%x' .. string.sub(nonce, 9) .. ',', '')
    return nonce .. ',' .. string.sub(recent, 1, 119)
end

